"""JSON Schemas of what is stored and of what people write, made from the types that read and write it."""
