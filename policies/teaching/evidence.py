"""What the rules teach about what is missing: nobody is blamed, and nothing let through."""

from __future__ import annotations

from typing import Final

from policies.teaching.model import words

TEACHINGS: Final = {
    "evidence/compile-missing": words(
        "That a kernel runs on the interpreter says nothing about an architecture that it was never compiled for.",
        "The compiler's container could not be started, or a policy requires a target that was only tried.",
    ),
    "evidence/compile-incomplete": words(
        "A compilation that missed its deadline, or whose arguments can't be told, leaves open whether it would work.",
        "A kernel with 4,096 unrolled steps that compiles for longer than 'compile.deadline_s'.",
    ),
    "mutants/weak-test": words(
        "The candidate was changed in small ways, and the test did not notice enough of the changes. So it would not "
        "notice such a mistake in the candidate either.",
        "A branch for rows longer than any case: turning its sign round changes no result.",
    ),
    "evidence/mutants-missing": words(
        "The policy wants to know how many changes of the candidate its test notices, and nobody counted.",
        "A run under ci, judged by production: ci asks for no mutants.",
    ),
    "operator/weak-test": words(
        "A test that lets zeros or a mutant of a right kernel pass certifies nothing.",
        "An operator of one's own whose inputs are all positive, so that a missing 'abs' is never seen.",
    ),
    "evidence/operator-unchecked": words(
        "Until somebody has tried, a test is only believed to be strong. A record is void once the operator, its "
        "cases or "
        "the oracle change.",
        "An operator that was added with --operators and never examined.",
    ),
    "evidence/unsupported": words(
        "The interpreter can't run everything that a GPU can. That is no fault of the candidate, and no evidence "
        "either.",
        "A kernel with inline assembly, or with a tensor descriptor made on the host.",
    ),
    "evidence/properties-missing": words(
        "Without a single case nobody knows whether the kernel computes what it should.",
        "The container engine went away while the candidate waited for its runner.",
    ),
    "evidence/too-few-cases": words(
        "How many cases are enough is the policy's to say; fewer show less.",
        "A slow kernel that spends 'properties.total_deadline_s' on half of the cases.",
    ),
    "evidence/nothing-compared": words(
        "A case may have a size of zero, or a result for which any value would do. A kernel that was run on such cases "
        "alone can compute anything.",
        "A policy with 'pairwise_cases: 2' and three dtypes: in one of them nothing is run.",
    ),
    "evidence/dtype-not-tried": words(
        "A kernel that is right in float32 can be wrong in bfloat16: an accumulator, a cast, a constant.",
        "Evidence of a policy with 'dtypes: [float32]', judged by one that asks for float16, too.",
    ),
    "evidence/control-missing": words(
        "Monitors can break, or be broken by what runs beside them. Planted faults in the candidate's process show "
        "that "
        "they still report; without that their silence means nothing.",
        "A candidate that replaces a function of the interpreter while it is loaded.",
    ),
    "evidence/interpreter-unverified": words(
        "Triton's interpreter computes wrong results without repairs, which are written for one version of it.",
        "A runner image with a newer Triton than the one that this kernelgate repairs.",
    ),
    "isolation/not-accepted": words(
        "A sandbox that isolates less shows less: what ran in it could have reached further than the policy puts up "
        "with.",
        "A run with --sandbox embedded, judged by ci.",
    ),
    "evidence/isolation-missing": words(
        "Evidence from a process that nobody isolated can be forged by what ran in it.",
        "Evidence that was made by hand, without a runner.",
    ),
    "evidence/limit-not-proven": words(
        "A limit that is configured and does not hold is no limit. Each is tried from inside before candidates run.",
        "A rootless engine on cgroup v1, which keeps no limit on memory.",
    ),
    "evidence/layer-missing": words(
        "The policy relies on a layer that only some machines have, such as a kernel of the sandbox's own.",
        "A policy with 'required_layers: [own kernel]' on a machine that runs containers with runc.",
    ),
    "evidence/long-axes-missing": words(
        "Beyond 65,535 rows grids change their form and indices their size; the interpreter is too slow to go there.",
        "A run under a policy with 'gpu.long_axes: false'.",
    ),
    "evidence/large-shape-missing": words(
        "With more than 2³¹ elements 32-bit offsets wrap. Kernels that are right at every small size fail there.",
        "A GPU with 16 GB of memory: a case of that size has no room.",
    ),
    "evidence/gpu-check-missing": words(
        "What only a GPU shows (machine code, its races, its time) is not shown by the interpreter.",
        "A run on a machine without a GPU, under production.",
    ),
    "waiver/expired": words(
        "A waiver is a promise to mend something until a date. Past it, the promise was not kept.",
        "A waiver of properties/nonfinite with yesterday's date, of a file that still turns NaN into 0.",
    ),
    "evidence/other-policy": words(
        "Some of what a policy asks for can't be seen in evidence: that no specials were tried can mean that the "
        "operator "
        "has none, or that nobody asked. So evidence counts for what its own policy asked for, and no more.",
        "A run under dev ('properties.special_cases: 8'), judged again by ci, which asks for 24.",
    ),
}
