"""Pages that open from a file: one for a run, one for each of its candidates.

What stands on a page was written by strangers: sources, paths, messages of exceptions, words of models. Three things
keep it text, and each is enough by itself:

- Templates escape everything, and everything that is put out goes through one function first (`visible.shown`), which
  takes text and whole numbers alone and shows what has no shape: controls, marks of direction, characters of no width.
- No text becomes an address, an attribute's name, a class or a style. Links lead to places of the page and to names of
  folders that are escaped as one part of a path.
- A policy in the page (Content-Security-Policy) lets it load and run nothing but its one style sheet, by its digest.

There is no script: what opens is `<details>`, what moves is an anchor. All numbers, words and places of marks are made
here, in view models; templates only set them. The same run gives the same bytes: no clock is looked at, and all that is
shown stands in the run folder. A page is at most about 2 MB, whatever a candidate delivered: what is left out is said.
"""
