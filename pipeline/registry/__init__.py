"""The registry: which kernels may serve, and on what evidence; a database that refuses what must not be.

`contract` is what others use: the types, and what a registry does. `opening` finds and opens one. `admission` looks at
a signed run folder before anything of it is stored, for `promoting` and `renewing`; `approved` says by digests what is.
docs/design/registry.md says what the database itself refuses.
"""
