"""A run as a Prefect flow: its tasks, its slots, and what Prefect's server is told and asked.

Prefect is imported here, by the tasks of `fleet`, by the flows of `scheduled` and by `generating`'s, and nowhere else.
`prefect_connection` is imported before it, so that its settings are those that `prefect_environment` settled. Prefect
supervises and decides nothing: what is measured and judged comes from the gate. May import `fleet`, `observing`, runs,
the gate and what is below them.
"""
