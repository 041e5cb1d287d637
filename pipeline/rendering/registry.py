"""How a registry looks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from pipeline.registry.backups import Copied
from pipeline.registry.contract import Approved, Event, Moved, Place, Platform, Revocation, Serving
from pipeline.registry.looking import Kernel
from pipeline.registry.making import Made
from pipeline.registry.renewals import Outcome, Renewal
from pipeline.rendering.fitted_table import FittedTable
from sandbox.printable import printable

SHOWN: Final = 12
_STYLES: Final = {
    "promoted": "green", "rolled-back": "yellow", "revoked": "bold red", "breaker-tripped": "red", "mismatch": "red",
    "exception": "red",
}  # fmt: skip

_OUTCOMES: Final = {Outcome.RENEWED: "green", Outcome.DENIED: "red", Outcome.REVOKED: "bold red"}


def print_made(made: Made, where: str, console: Console) -> None:
    """Prints what became of a registry."""
    shown = where if "://" not in where else "in the database"  # a URL may hold a password
    console.print(Text(f"registry {shown}: {made.value}"))


def print_places(places: Sequence[Serving], console: Console) -> None:
    """Prints what serves."""
    if not places:
        console.print(Text("nothing serves: kernelgate registry promote RUN --channel canary"))
        return
    table = FittedTable(
        "operator", "architecture", "channel", "kernel", "promoted (UTC)", "policy", "verified on", lead=0
    )
    for one in places:
        table.add_row(
            Text(printable(one.place.operator)), one.place.architecture, one.place.channel, one.digest[:SHOWN],
            _time(one.promoted_at), Text(printable(one.policy)), Text(printable(one.platform.text)),
        )  # fmt: skip
    console.print(table)


def print_moved(moved: Moved, console: Console) -> None:
    """Prints what a channel serves now."""
    place, now = moved.place, "nothing" if moved.now is None else f"kernel {moved.now[:SHOWN]}"
    words = f"{place.channel} of {place.operator} on {place.architecture} serves {now}"
    if moved.event is None:
        console.print(Text(printable(f"{words} already")))
        return
    before = f"; before: {moved.before[:SHOWN]}" if moved.before not in (None, moved.now) else ""
    again = "; its newer attestation is stored" if moved.event.kind == "verified-again" else ""
    console.print(Text(printable(f"{words}{before}{again}; event {moved.event.number}")))


def print_renewals(renewals: Sequence[Renewal], console: Console) -> None:
    """Prints what became of each kernel of a run."""
    table = FittedTable("candidate", "kernel", "attestation", "verified on, or why not")
    for one in renewals:
        table.add_row(
            Text(printable(one.candidate)), (one.digest or "-")[:SHOWN],
            Text(one.outcome.value, _OUTCOMES.get(one.outcome, "")), Text(printable(one.why)),
        )  # fmt: skip
    console.print(table)


def print_revoked(revocation: Revocation, console: Console) -> None:
    """Prints which channels a revoked kernel was taken from."""
    console.print(Text(f"kernel {revocation.digest[:SHOWN]} is revoked; event {revocation.event.number}"))
    for moved in revocation.moved:
        print_moved(moved, console)
    if not revocation.moved:
        console.print(Text("no channel served it"))


def print_kernel(kernel: Kernel, console: Console) -> None:
    """Prints all that is known of a kernel."""
    state = Text(" revoked", "bold red") if kernel.revoked else Text("")
    console.print(Text.assemble(f"kernel {kernel.digest}", state))
    for approved in kernel.approved:
        for title, value in _facts(approved):
            console.print(Text.assemble((f"  {title:<13}", "bold"), printable(value)))
    for one in kernel.serves:
        where = f"{one.place.channel} on {one.place.architecture}, promoted {_time(one.promoted_at)} UTC"
        console.print(Text.assemble((f"  {'serves':<13}", "bold"), where))
    if not kernel.serves:
        console.print(Text.assemble((f"  {'serves':<13}", "bold"), "nowhere"))
    print_events(kernel.events, console)


def _facts(approved: Approved) -> Iterator[tuple[str, str]]:
    attestation, platform = approved.attestation, approved.platform
    yield "operator", f"{attestation.operator}, function {attestation.entry}"
    yield "verified on", platform.text
    yield "image", platform.image or "-"
    yield "evidence", f"run {attestation.run}, {attestation.candidate}, SHA-256 {attestation.evidence_digest[:SHOWN]}"
    yield "policy", f"{attestation.policy}, {attestation.policy_digest[:SHOWN]}: {attestation.tier}"
    yield "signed", f"{_time(attestation.signed_at)} by key {attestation.key_id[:SHOWN]}"
    numbers = attestation.numbers
    yield "cases", f"{numbers.cases}; on the GPU {numbers.device_cases}, carried out again {numbers.replayed}"
    yield "dtypes", ", ".join(numbers.dtypes)
    for row in numbers.timings:
        other = "" if row.baseline_ms is None else f"; {row.baseline} {row.baseline_ms:.3g} ms"
        yield "time", f"{row.case}, {row.dtype}: {row.median_ms:.3g} ms, the card needs {row.roof_ms:.3g} ms{other}"


def print_events(events: Sequence[Event], console: Console) -> None:
    """Prints the log."""
    if not events:
        console.print(Text("no event"))
        return
    table = FittedTable("event", "at (UTC)", "what", "kernel", "where", "by", "reason", lead=2)
    for one in events:
        table.add_row(
            str(one.number), _time(one.at), Text(one.kind, _STYLES.get(one.kind, "")), (one.digest or "-")[:SHOWN],
            Text(printable(_place(one.place))), Text(printable(one.actor)), Text(printable(_why(one))),
        )  # fmt: skip
    console.print(table)


def _why(event: Event) -> str:
    parts = [event.reason] if event.reason else []
    if event.kind in ("promoted", "rolled-back"):
        served = "nothing" if event.serves is None else event.serves[:SHOWN]
        parts.append(f"serves {served}" + (f", before {event.replaced[:SHOWN]}" if event.replaced else ""))
    parts += [f"run {event.run}"] if event.run else []
    parts += [f"case {event.case_digest[:SHOWN]}"] if event.case_digest else []
    return "; ".join(parts) or "-"


def print_backup(copied: Copied, file: Path, console: Console) -> None:
    """Prints what a backup has."""
    console.print(
        Text(f"{copied.kernels} kernels and {copied.events} events in {printable(str(file))}; {_end(copied)}")
    )


def print_restored(copied: Copied, where: str, revoked_in: str | None, console: Console) -> None:
    """Prints what came back, and what is not in it."""
    shown = where if "://" not in where else "the database"
    console.print(Text(f"{_amount(copied)} in {printable(shown)}; {_end(copied)}"))
    if revoked_in is None:
        console.print(
            Text("what was promoted, rolled back or revoked since is not in it; --revoked-in takes revocations over")
        )
        return
    console.print(Text(f"revoked since, and revoked again: {len(copied.revoked_since)}"))
    for digest in copied.revoked_since:
        console.print(Text(f"  {digest}"))


def _amount(copied: Copied) -> str:
    return f"{copied.kernels} kernels and {copied.events} events"


def _end(copied: Copied) -> str:
    if copied.last_at is None:
        return "its log is empty"
    return f"its log ends with event {copied.last_event} of {_time(copied.last_at)} UTC"


def places_as_json(places: Sequence[Serving]) -> str:
    """Returns what serves as JSON."""
    entries = [
        {
            **_place_as_json(one.place), "digest": one.digest, "promoted_at": one.promoted_at.isoformat(),
            "policy": one.policy, "keyid": one.key_id, "platform": _platform_as_json(one.platform),
        }
        for one in places
    ]  # fmt: skip
    return json.dumps({"schema_version": 1, "serving": entries}, indent=2) + "\n"


def kernel_as_json(kernel: Kernel) -> str:
    """Returns a kernel as JSON; neither its source nor its envelopes."""
    approved = [
        {
            "architecture": one.architecture, "operator": one.operator, "entry": one.attestation.entry,
            "run": one.attestation.run, "candidate": one.attestation.candidate, "tier": one.attestation.tier,
            "policy": one.attestation.policy, "policy_digest": one.attestation.policy_digest,
            "operator_digest": one.attestation.operator_digest, "evidence_digest": one.attestation.evidence_digest,
            "keyid": one.attestation.key_id, "signed_at": one.attestation.signed_at.isoformat(),
            "platform": _platform_as_json(one.platform),
        }
        for one in kernel.approved
    ]  # fmt: skip
    document = {
        "schema_version": 1, "digest": kernel.digest, "revoked": kernel.revoked, "approved": approved,
        "serves": [_place_as_json(one.place) for one in kernel.serves],
        "events": [_event_as_json(one) for one in kernel.events],
    }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"


def events_as_jsonl(events: Sequence[Event]) -> str:
    """Returns a line of JSON for each event."""
    return "".join(json.dumps(_event_as_json(one)) + "\n" for one in events)


def _event_as_json(event: Event) -> dict[str, Any]:
    return {
        "number": event.number, "at": event.at.isoformat(), "actor": event.actor, "kind": event.kind,
        "digest": event.digest, "place": None if event.place is None else _place_as_json(event.place),
        "reason": event.reason, "replaced": event.replaced, "serves": event.serves, "run": event.run,
        "case": event.case_digest,
    }  # fmt: skip


def _place_as_json(place: Place) -> dict[str, str]:
    return {"operator": place.operator, "architecture": place.architecture, "channel": place.channel}


def _platform_as_json(platform: Platform) -> dict[str, str | None]:
    return {
        name: getattr(platform, name)
        for name in ("device", "architecture", "cuda", "driver", "torch", "triton", "image")
    }


def _place(place: Place | None) -> str:
    return "-" if place is None else f"{place.channel} of {place.operator} on {place.architecture}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
