"""The machine: which container engine answers, what its images are made of, and how a GPU gets into a container.

Belongs here: what installs, starts, builds or looks for something on this machine (`engine`, `dockerd`, `gvisor`,
`runner_image` and what it is made of), and nothing that knows of a candidate or a run. May import sandbox and what lies
directly in `pipeline`.
"""
