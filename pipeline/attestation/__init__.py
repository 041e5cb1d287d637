"""Attestations: a team's signature under what the gate said of a candidate, and under every file of the run behind it.

`statements` says what is signed (in-toto), `envelopes` how (DSSE, Ed25519), `keys` by whom and until when, `run_files`
what of a run folder belongs to it. `signing` makes attestations of a run, `verifying` believes nothing before it has
looked, and `pairs` does so where only the envelopes are there.

A signature says who vouches, not that the verdict is right: whoever holds the key can sign what they like. That is why
verifying can judge again from the evidence, and why a run is signed only if its verdicts come out again.
"""
