"""What a run tells an OpenTelemetry collector: a trace a run, and counts and durations that a dashboard can add up.

Off unless a standard variable asks for it (`configuration`); then nothing of OpenTelemetry is imported. Nothing that
decides about a candidate depends on it, and a collector that is gone costs a run one warning (`opening`). Of what a
candidate's author wrote only the path of the file and its digest are sent (`recording`). Names, units and attributes of
metrics stand in one table (`instruments`); none of them has more values than policies, operators and models give it.

Deliberately not handled: traces that begin elsewhere (a run is always a root), the export of logs (stderr has them),
and how busy a GPU's units are: the hardware's own exporters measure that.
"""
