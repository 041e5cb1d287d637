"""What a model is told about the language, so that it need not invent it.

`installed` reads signatures and docstrings from the packages that will run the kernel, `notes` adds a team's documents,
`index` finds what belongs to a name or a piece of code, `context` chooses what fits and says what did not.
"""
