"""What a terminal shows: a module for each kind of result, named as the command that shows it.

Tables are `fitted_table`s on a `console`; `listening` shows a run that is not finished, `json_listener` tells it to
programs. Nothing here decides, measures or writes files. May import the results of everything below, and no command.
"""
