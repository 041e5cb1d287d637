"""The static contract: what a candidate's source may say, read without running it.

An allow-list. Host code (everything outside jitted functions) may allocate, view, compute sizes, branch on them and
launch; kernels hold what Triton's compiler takes; the module level defines and nothing else. `rules` names the facts,
`syntax` and `kernel` look at nodes, `module`, `host`, `calling` and `expressions` follow what values host code can
hold, and `reading` puts them together.

It is a contract for generated code, not a sandbox: what slips through runs in a container and still has to be right.
What a policy allows beyond it (imports, host calls) is trusted and not looked into.
"""
