"""A run: which candidates it is about, and the folder that it leaves.

`collect` and `changed` find candidates, `facts` is what is known of a run that begins, `finished` what came out;
`folder` writes, `places` finds, `stored` reads back and checks; `rejudging` and `explained` take verdicts from what is
stored, and `drift` says that it was measured elsewhere. Imports the gate, and of pages what is written with a run;
never Prefect.
"""
