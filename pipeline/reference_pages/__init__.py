"""The pages of documentation that are made from the code: `python -m pipeline.reference_pages`, in a checkout.

`writing` puts together what the other modules say; the rules' pages are written by `rules`, which is a program, too.
May import everything; nothing imports from here.
"""
