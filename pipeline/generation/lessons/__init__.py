"""What earlier runs teach: which mistakes are made, what mended them, and which wrong kernels the corpus lacks.

Nothing is stored for it. All is derived, whenever it is asked for, from what finished runs left: their documents and
the candidates' folders. A record of its own could contradict them, would have to be kept in step, and would outlive a
run that somebody removed because it should be forgotten. What that costs is measured (docs/results/generation.md); a
team that prunes its runs prunes what they taught.

`reading` reads the runs, `mistakes` says what two failures have in common, `mending` what mended one, `ranking` counts,
`report` has the types that are printed as JSON, `teaching` chooses what a new run is told, and `offering` writes wrong
kernels as entries of a corpus, for a person to look at.

Models wrote the candidates, so their texts are shown in frames (prompts) or as printable characters (tables), and
nothing here runs or imports them. What a model says of its own code, its plan, is not in any lesson.
"""
