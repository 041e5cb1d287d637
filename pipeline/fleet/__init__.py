"""More than one machine: what a flow orders, and worker processes elsewhere carry out."""
