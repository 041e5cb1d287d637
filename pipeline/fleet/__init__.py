"""More than one machine: what a flow orders, and worker processes elsewhere carry out.

`work` gives `orders` out and takes evidence in; `worker` is the process elsewhere, `workplace` where it measures,
`tasks` what it carries out, `identity` what it must have to be asked. `shared_storage` is what both sides see. A flow
(`pipeline.orchestration`) knows its workers, and they know the flow: the two packages import each other.
`docker_pool` and `judge_image` are for flows in the containers of a Docker work pool.
"""
