"""The part that goes into the container, beside the candidate: untrusted once candidate code is loaded.

It imports the standard library, numpy, torch, triton, pydantic, the frames and the wire format, and no host code.
"""
