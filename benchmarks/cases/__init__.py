"""The cases of the suite, a module per group.

A module has:

    CASES              names of the cases
    OURS               {system of ours: the highest ratio to the fastest peer that we want}
    PEERS              systems that are compared with; those in FOREIGN run in the peers' environment
    FOREIGN
    MEMORY             the highest ratio of the peak memory that we want, or None where it says nothing
    has(system, case)  whether there is such an alternative
    prepare(...)       the call to time, and facts: "multiply_adds" of a call and its "type", or the "bytes" that it
                       must move at least, for the limit of the machine; "parameters" that are trained, of which
                       all systems must have as many; "returns_milliseconds" where the call takes its own time
"""
