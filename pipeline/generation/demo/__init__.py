"""`make demo-generate`: the whole loop without a key. The provider is a server on this machine; the gate is the real
one.

Its answers are files beside this one: the first does not compile, the second computes wrong numbers, the third is
right. The answers come in that order whatever is asked, so what the demonstration shows is the loop and the gate, and
nothing about any model. Models and prices are made up.
"""
