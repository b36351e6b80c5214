"""What the API server answers to each broken file of tests/unit/test_broken_jobs.py.

Owns: the answers' telling parts, and the reasons why some files get past it. The operator checks those again with
`autosearch.api.rules` and shows a condition.
"""

_NO_CONTAINER_NAME = "spec.template.spec.containers[0].name: Required value"
_ANY_ALGORITHM = "spec.algorithm: Invalid value: must have exactly one of auto, random, grid, sobol, tpe, gp, cmaes"
_NAME = "metadata.name: Invalid value: `metadata.name` must have at most 40 characters: lower-case letters, digits"
_SHELL = "spec.template.spec.containers: Invalid value: the trial's `command` must not be a shell with `-c`"
_NOT_JSON = "json: cannot unmarshal number 1000"

REFUSED = {
    "wrong direction": 'spec.objective.direction: Unsupported value: "MAXIMIZE": supported values: "Maximize", "Minim',
    "missing metric": "spec.objective.metric: Required value",
    "empty metric": "spec.objective.metric in body should be at least 1 chars long",
    "no objective": "spec.objective: Required value",
    "min above max": "spec.parameters[0].float: Invalid value: `min` must be less than `max`",
    "min equals max": "spec.parameters[0].int: Invalid value: `min` must be less than `max`",
    "log with zero": "spec.parameters[0].float.min: Invalid value: with `scale: Log`, `min` must be greater than 0",
    "log int with zero": "spec.parameters[0].int.min: Invalid value: with `scale: Log`, `min` must be 1 or more; use",
    "log with step": "spec.parameters[0].float.step: Forbidden: `step` must not be used with `scale: Log`; leave out",
    "step too wide": "spec.parameters[0].int.step: Invalid value: `step` must not be greater than `max` - `min`",
    "endless range": "spec.parameters[0].float: Invalid value: `max` - `min` must be a finite number; use a narrower",
    "step too small": "spec.parameters[0].float.step: Invalid value: `step` must be greater, it gives more than 2^53",
    "number too large": _NOT_JSON,
    "number past all digits": _NOT_JSON,
    "infinite value": 'spec.parameters[0].discrete.values[0] in body must be of type number: "string"',
    "empty choices": "spec.parameters[0].categorical.choices in body should have at least 1 items",
    "choice twice": 'spec.parameters[0].categorical.choices[1]: Duplicate value: "a"',
    "number as choice": "spec.parameters[0].categorical.choices[0] in body must be of type string",
    "values unsorted": "spec.parameters[0].discrete.values: Invalid value: `values` must be in increasing order",
    "word as value": 'spec.parameters[0].discrete.values[0] in body must be of type number: "string"',
    "two kinds": "spec.parameters[0]: Invalid value: must have exactly one of float, int, discrete, categorical",
    "no kind": "spec.parameters[0]: Invalid value: must have exactly one of float, int, discrete, categorical",
    "reserved name": 'spec.parameters[0].name: Invalid value: "metric": must not be a flag of the contract itself',
    "name as a list": "spec.parameters[0].name in body must be of type string",
    "name with a dash": "spec.parameters[0].name in body should match '^[A-Za-z_][A-Za-z0-9_]*$'",
    "duplicate name": 'spec.parameters[1]: Duplicate value: {"name":"a"}',
    "unknown algorithm": 'unknown field "spec.algorithm.tpee"',
    # A schema can say the type, but not what to write: CEL rules are not asked about what has another type.
    "algorithm as a word": 'spec.algorithm in body must be of type object: "string"',
    "unknown word": 'spec.algorithm in body must be of type object: "string"',
    "two algorithms": _ANY_ALGORITHM,
    "gp": "spec.algorithm.gp: Invalid value: `gp` is not built yet; write `tpe: {}`, which searches in its place",
    "near miss": 'unknown field "spec.maxTrails"',
    "no maxTrials": "spec.maxTrials: Required value: `maxTrials` is required unless the algorithm is `grid`",
    "maxTrials with pbt": "spec.maxTrials: Forbidden: `maxTrials` must not be used with cmaes, pso, pbt",
    "pbt without output": "spec.output: Required value: `output` is required with `pbt`: the volume over",
    "checkpoints without output": "spec.output: Required value: `output` is required with `retryFrom: LastCheckpoint`",
    "early stopping with pso": "spec.earlyStopping: Forbidden: `earlyStopping` must not be used with cmaes, pso, pbt",
    "stopping as a word": 'spec.earlyStopping in body must be of type object: "string"',
    "two stopping rules": "spec.earlyStopping: Invalid value: must have exactly one of median, asha, hyperband",
    "threshold without bounds": "spec.earlyStopping.threshold: Invalid value: must have `lower`, `upper` or both",
    "threshold upside down": "spec.earlyStopping.threshold: Invalid value: `lower` must be less than `upper`",
    "hyperband too small": "spec.earlyStopping.hyperband.maxResource: Invalid value: `maxResource` must be",
    "grid over floats": "spec.parameters: Invalid value: each `float` must have a `step` with `grid`",
    "zero parallel": "spec.parallelTrials in body should be greater than or equal to 1",
    "half a trial": "spec.maxTrials in body must be of type int",
    "a text for a number": 'spec.maxTrials in body must be of type integer: "string"',
    "quantile": "spec.algorithm.pbt.quantile in body should be less than or equal to 0.5",
    "wrong kind": 'no matches for kind "AutoSearchJobs" in version "autosearch.dev/v1alpha1"',
    "no container": "spec.template.spec.containers: Required value: must hold a container: `- {name: trial, image:",
    "no template": "spec.template: Required value",
    "no command": "spec.template.spec.containers: Required value: the container `trial`, else the first one,",
    "args as numbers": "spec.template.spec.containers[0].args[0] in body must be of type string",
    # Its container has no name, without which CEL is not asked; "shell with options" shows the rule.
    "shell": _NO_CONTAINER_NAME,
    "shell with options": _SHELL,
    "shell text in args": _SHELL,
    "env as a mapping": 'unknown field "spec.template.spec.containers[0].env.A"',
    "env of a number": "spec.template.spec.containers[0].env[0] in body must be of type object",
    "env without a name": 'unknown field "spec.template.spec.containers[0].env[0].nme"',
    "env name as a number": "spec.template.spec.containers[0].env[0].name in body must be of type string",
    "env name with a sign": "spec.template.spec.containers[0].env[0].name in body should match",
    "env value as a number": "spec.template.spec.containers[0].env[0].value in body must be of type string",
    "grace as a word": "spec.template.spec.terminationGracePeriodSeconds in body must be of type integer",
    "grace below zero": "spec.template.spec.terminationGracePeriodSeconds in body should be greater than or equal to 0",
    "grace without an end": _NOT_JSON,
    "a sign no program can be given": r"spec.template.spec.containers[0].args[0] in body should match '^[^\x00]*$'",
    "long name": _NAME,
    "very long name": "metadata.name: Invalid value:",
    "name in capitals": _NAME,
    "name with a dot": _NAME,
    "label as a number": "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    "not a mapping": "invalid object to validate",
    "initial trial incomplete": "spec.initialTrials: Invalid value: each initial trial must have a value for every",
    "initial trial unknown": "spec.initialTrials: Invalid value: each name in an initial trial must be one of `paramet",
    "huge initial value": _NOT_JSON,
    "list as value": "spec.initialTrials[0].C: Too many: 1: must have at most 0 items",
}
_PRODUCT = "CEL has no product over a list, so the size of a grid is the operator's to work out"
_FREE = "CEL cannot look into values of several types, so that their range is the operator's to check"
_NULL = "Kubernetes takes null as absent and stores nothing"
ACCEPTED = {
    "grid without an end": _PRODUCT,
    "grid past all numbers": _PRODUCT,
    "env value of nothing": _NULL,
    "grace of nothing": _NULL,
    "time out of range": "the API server writes this time itself, whatever the file says",
    "initial trial outside": _FREE,
    "infinite initial value": f"JSON has no infinity, so it arrives as a text; {_FREE}",
}
