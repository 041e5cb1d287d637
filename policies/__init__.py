"""Pure: evidence and a policy in, a verdict out."""
