"""Where a candidate's text comes from: what it shares with files that a team supplies, and under which licences.

Text is compared with text; nothing here runs or imports what it reads.
"""
