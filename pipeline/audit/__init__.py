"""What candidates tried, across runs: read from stored evidence, an event for each fact, with who could forge it.

    kinds       what a fact can be about
    events      one line of the export, and what it is worth
    facts       the events in one candidate's evidence
    reading     run folders, one candidate at a time, with what was damaged

docs/explanation/audit.md says what each kind of fact is worth.
"""
