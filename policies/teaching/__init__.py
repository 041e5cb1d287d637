"""What the rules teach: for each its reason and an example. `policies.rules` joins them to the rules."""
