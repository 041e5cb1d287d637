"""Migrations of the registry, by Alembic: `kernelgate registry init` makes a registry, or brings one to this version.

A migration is frozen once it was released: it says what it makes itself, and imports nothing that may change. A test
holds what all of them make against `pipeline.registry.tables`.
"""
