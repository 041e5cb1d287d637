"""`kernelgate experiments`: what the runs of experiments over prompts came to, read from their documents alone.

`trials` reads: one trial is one operator's run. A candidate that stands is a success. A failure is a run that had its
chance: its budget or its ideas ended. What our side or a provider ended is neither; it is counted and left out.

Of each variant the first runs of the planned number are looked at, by when they were begun, and never more: so a result
that was read does not change by going on, and there is no choosing when to stop. Variants are compared when each has
that many (`comparison`), never before.

Chance assigns the variants, so a comparison is fair whatever else differs between runs; but what differs (operator,
policy, models, budget) makes it blunt. Runs are therefore compared with runs under equal conditions (`conditions`), and
these strata are pooled: differences of rates by Mantel and Haenszel, ratios of cost and time by all pairs within them.

What is deliberately not handled: stopping early, and runs that depend on each other, because they share a budget or
learn from earlier ones (the former is said as a caution).
"""
