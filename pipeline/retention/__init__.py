"""What may be deleted, by age and by size, and what never is.

Run folders, the journals of generation, kept results of flows and wheels for images go when they are older than a
limit, or, the oldest first, until all together is no larger than one. Never deleted is what is under way, what a kernel
that the registry approves rests on, and whatever is not plainly of our own making: a link, a folder that is only named
like a run, one that holds a link. Where a registry is named and can't be read, nothing is known to be free to go, and
nothing goes. What is promoted while a prune is at work is not seen by it: such a run is young.

What goes is renamed to a hidden name first and deleted then: whoever looks sees whole folders or none, also after a
kill. The next prune deletes what one that was killed had renamed.

Images of the engine are pruned apart from that (`images`), because other limits fit them, and no registry names them.

Deliberately not handled: Prefect's database (its own `prefect` commands), and what is stored on other machines.
"""
