"""The host's side of the conversation with one container that compiles: the same frames, other requests."""

from __future__ import annotations

from runners import wire
from runners.conversation import HEADER_ROOM_BYTES, Runner
from runners.specialisation import Compiled, CompileFailed, CompileRequest, NotCompiled
from sandbox.outcomes import Outcome


class Compiler(Runner):
    """One container running `runners.inside.compiler`, used for one candidate. Not thread-safe."""

    def compile(self, request: CompileRequest, deadline_s: float) -> Compiled | CompileFailed | NotCompiled | Outcome:
        """Compiles one specialisation for one target; an `Outcome` means that the container has ended."""
        answer = self._ask(wire.encode(request), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (Compiled() | CompileFailed() | NotCompiled() as done, _):
                return done
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a compile request")
        return answer
