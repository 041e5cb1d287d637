"""Models write candidates here: what they are asked, who is asked, and what came back.

A model is an author, hence untrusted: what it delivers is source text that goes the way of every stranger's code, and
what it says about source text is an opinion and no evidence. `exchange` has the types of a call, `roles` says which
provider and model takes which part, `messages_api` and `responses_api` speak to providers, `journal` keeps what they
answered, `prompts` and `knowledge` make what they are asked. The SDKs are imported by their two adapters alone, and
these only when a role needs them; Prefect is not known here.
"""
