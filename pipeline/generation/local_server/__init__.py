"""A provider on this machine that speaks both wire formats and follows a script: for tests, and for runs without a key.

The unmodified SDKs talk to it. It knows one key and the models that it is told, streams as the real ones do, and can
do all that they do wrong: limits, overload, slowness, broken formats, refusals, truncation. Nothing in here computes
an answer.
"""
