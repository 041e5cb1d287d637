"""What a run looks like to other programs: SARIF, JUnit XML, Markdown, annotations. Made of a finished run alone."""
