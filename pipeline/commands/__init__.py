"""The command line: a module for each command or group, which parses, calls one function and renders.

`frame` is what all share: options, the form of errors, exit codes. Beside the commands, only help and completion belong
here. What takes long to import (torch, Prefect, an SDK) is imported inside a command, so that `--help` is quick.
Nothing but `pipeline.cli`, which puts the commands together, and the pages of the reference may import from here.
"""
