"""Everything with I/O around the gate: command line, flow, run folder, engine and image."""
