"""Wrong behaviours seeded in the platform, off by default, to prove that a check can fail (D7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from chaos.errors import ChaosError

__all__ = ["Defect", "parse_defects"]

PROGRAM = "program:"


class Defect(StrEnum):
    """A defect by its name on the command line. ``cells`` are those of :mod:`chaos.properties.table` that must find it,
    such as ``inference:C``; none for one that another experiment is there for.

    ``programs`` are the checks of :mod:`chaos.operations.checks` that find it in a program of operations, ``smallest``
    is how many operations and faults the smallest such program has, 0 if there is none. A word such as
    ``program:drain:4`` tells both, of one check. An operation whose answer is lost and that is asked again counts once.
    """

    cells: tuple[str, ...]
    programs: tuple[str, ...]
    smallest: int

    def __new__(cls, name: str, *words: str) -> Defect:
        """A member with its cells, and its programs."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.cells = tuple(word for word in words if not word.startswith(PROGRAM))
        found = [word.split(":") for word in words if word.startswith(PROGRAM)]
        member.programs = tuple(check for _, check, _ in found)
        member.smallest = min((int(size) for _, _, size in found), default=0)
        return member

    SHARED_WORKER_POOL = "shared_worker_pool", "inference:C"
    """All models share one pool of replicas: any free replica takes the next request of any model."""

    SHARED_QUEUE = "shared_queue", "inference:C", "batch_inference:C"
    """The proxy has one bounded queue for all models; its head waits for a replica of its own model."""

    CRASH_ENDS_ALL = "crash_ends_all", "inference:C", "batch_inference:C"
    """A replica that exits in its handler takes down the process that all replicas come from, and them with it."""

    ANSWERS_IN_TURN = "answers_in_turn", "inference:C", "handlers:C"
    """The proxy passes on one answer at a time: a stream or a large body holds up the requests of all models."""

    SHARED_BREAKER = "shared_breaker", "inference:C", "handlers:C"
    """The proxy has one circuit breaker for all models: when replicas of one die, none is served for a while."""

    BATCH_MIXES_MODELS = "batch_mixes_models", "batch_inference:C"
    """Room in a batch is given to whatever waits: requests of another model decide how long it takes."""

    PROXY_NEVER_RECONNECTS = "proxy_never_reconnects"
    """A link to a replica that broke is not made again."""

    PROXY_RETRIES = "proxy_retries"
    """A request whose link to its replica broke is sent again, to another one, though it may have been executed."""

    CROSSED_ANSWERS = "crossed_answers"
    """A replica answers on whatever link it has when it is done: after a reset, the next request's client gets it."""

    MANAGER_LINK_LOST_STOPS_SERVING = "manager_link_lost_stops_serving"
    """The proxy serves nothing while its link to the manager is down."""

    OOM_TAKES_ALL = "oom_takes_all"
    """When one replica is out of memory, all replicas of the platform are killed with it."""

    OOM_UNNAMED = "oom_unnamed"
    """The error history says that a replica exited, where it was killed for want of memory."""

    KILLED_NEVER_REPLACED = "killed_never_replaced", "program:convergence:2"
    """A replica that was killed is not started again, though as many are meant to be as before."""

    SCALE_ADDS = "scale_adds", "scale:J", "program:idempotence:2"
    """Scaling adds the difference that there was when the request arrived: concurrent duplicates add up."""

    SCALE_UNSERIALISED = "scale_unserialised", "scale:J", "program:idempotence:2"
    """Scaling counts, waits and acts without a lock: each of several duplicates starts the missing workers."""

    LOST_ANSWER_DOUBLES = "lost_answer_doubles", "scale:J", "program:idempotence:2"
    """A scaling whose client was gone before the answer is run a second time, as capacity beside the first."""

    SCALE_DESCRIBES_ONLY = "scale_describes_only", "scale:J", "program:convergence:2"
    """Scaling changes what is described, not what runs."""

    FAILED_SCALE_KEEPS = "failed_scale_keeps", "scale:I", "program:model:2"
    """A scale-up whose workers cannot start keeps those that did, and tries the others again and again."""

    FAILED_SCALE_DESIRES = "failed_scale_desires", "scale:I", "program:rollback:2"
    """After a scale-up that failed the number that it could not reach stays described as what is meant."""

    FAILED_SCALE_ENDS_OLD = "failed_scale_ends_old", "scale:I", "program:drain:4"
    """What a scale-up that failed leaves is cleaned up by starting all workers of the model anew, the old ones too."""

    FAILED_START_ENDS_ALL = "failed_start_ends_all", "scale:I", "unregister:I"
    """A worker that dies while it starts takes down the process that all workers, of all models, are forked from."""

    FAILED_REGISTRATION_KEEPS_NAME = "failed_registration_keeps_name", "unregister:I", "program:rollback:1"
    """A registration that failed is answered as such, but its model stays, without workers, and its name is taken."""

    FAILED_REGISTRATION_KEEPS_WORKERS = (
        "failed_registration_keeps_workers",
        "unregister:I",
        "program:rollback:1",
    )
    """Of a registration that failed, the workers that did start run on: no model is described that they belong to."""

    UNREGISTER_STOPS_HALFWAY = "unregister_stops_halfway", "unregister:I", "program:idempotence:2"
    """An unregistration whose client goes away is cancelled where it is: the model is listed, and serves nothing."""

    REGISTER_REPLACES = "register_replaces", "register:J", "program:idempotence:1", "program:model:2"
    """A name that is taken is taken over: the model that had it is forgotten, and its workers run on."""

    REGISTER_UNSERIALISED = (
        "register_unserialised",
        "register:J",
        "program:idempotence:1",
        "program:linearizability:2",
    )
    """A name is looked up, then taken a moment later: of several equal registrations each adds its workers."""

    LOST_REGISTRATION_FORGOTTEN = "lost_registration_forgotten", "register:J", "program:idempotence:1"
    """A registration whose client is gone before the answer is not kept, though its workers were started."""

    UNREGISTER_TWICE_FAILS = "unregister_twice_fails", "unregister:J", "program:idempotence:2"
    """An unregistration that comes while another is at work finds half of the model gone, and answers 500."""

    UNREGISTER_TWICE_HANGS = "unregister_twice_hangs", "unregister:J"
    """An unregistration that comes while another is at work waits for a signal that was for the other one alone."""

    LOST_UNREGISTRATION_UNDONE = "lost_unregistration_undone", "unregister:J"
    """An unregistration whose client is gone before the answer is taken back, as if nobody had wanted it."""

    LIMIT_NOT_ENFORCED = "limit_not_enforced", "register:F", "scale:F"
    """As many workers are started as are asked for: the node is oversubscribed until everybody on it is slow."""

    MEMORY_NOT_COUNTED = "memory_not_counted", "register:F", "scale:F"
    """Workers are counted, what they may take is not: together they may take more memory than the node has."""

    LIMIT_CHECKED_LATE = "limit_checked_late", "register:F", "scale:F"
    """That workers are too many is seen when they run: all of them are started, only to be ended again."""

    REFUSAL_UNEXPLAINED = "refusal_unexplained", "register:F", "scale:F"
    """Too many workers are answered by a 500 without a word: clients retry what will never be possible."""

    REFUSAL_REMEMBERED = "refusal_remembered", "register:F", "scale:F", "program:rollback:1"
    """What was refused is described as what is meant all the same; a refused registration stays as a model."""

    EXCESS_EVICTS_OTHERS = "excess_evicts_others", "register:F", "scale:F"
    """Room is made by ending workers of other models, before it is known that it will not suffice."""

    BATCH_OF_ONE = "batch_of_one", "batch_inference:A", "batch_inference:E"
    """Batches are configured and described, but every request goes to the handler alone."""

    BATCH_WAITS_FULL = "batch_waits_full", "batch_inference:A"
    """The batch delay is not kept: a batch goes when it is full, however long those in it have waited."""

    BATCH_MIXES_ANSWERS = "batch_mixes_answers", "batch_inference:A", "program:model:3"
    """The answers to a batch are given out from its other end: clients get each other's."""

    SCALE_DOWN_KILLS = "scale_down_kills", "scale:H", "program:drain:4"
    """A worker that is scaled away is killed with the request that it has."""

    LEAVING_STILL_SERVED = "leaving_still_served", "scale:H"
    """A worker that leaves is given new requests for two seconds, and is then ended with the one that it has."""

    DRAIN_UNNOTICED = "drain_unnoticed", "scale:H"
    """That a worker has ended its last request is not noticed: a scaling waits for the whole drain time."""

    QUEUE_DROPPED = "queue_dropped", "scale:H", "unregister:H", "program:drain:5"
    """The requests that wait for a model are refused when it leaves or is scaled to zero, though they were taken."""

    UNREGISTER_NOT_AWAITED = "unregister_not_awaited", "unregister:H", "program:linearizability:3"
    """An unregistration is answered at once; what is in flight has a second, and is then killed."""

    LEAVING_TAKES_NEW = "leaving_takes_new", "unregister:H"
    """A model that is being unregistered takes new requests: under steady load it is never quiet, and then killed."""

    LAST_WORKER_IDLE = "last_worker_idle", "inference:E", "batch_inference:E"
    """Workers are counted from one end and taken from the other: the last of a model never gets a request."""

    WORKERS_POLLED = "workers_polled", "inference:E", "batch_inference:E"
    """The proxy looks for free workers every 20 ms, not when one is done: each idles after every request."""

    NEWEST_FIRST = "newest_first", "inference:E", "batch_inference:E", "inference:A"
    """Who came last is served first: under load the unlucky wait until everybody else has gone."""

    CONNECTIONS_BEYOND_WAIT = "connections_beyond_wait", "health:E", "inference:E"
    """A thread for each connection, and four threads: a fifth client waits until one of the four hangs up."""

    PING_WAITS_FOR_WORKER = "ping_waits_for_worker", "health:E"
    """A health check waits for a free worker: a busy server looks dead, and is restarted when it is needed most."""

    CONTROL_PLANE_IN_TURN = "control_plane_in_turn", "api_description:E", "describe:E", "list:E"
    """The control plane has one lock for all: whoever only reads waits for an unregistration that drains."""

    WAITING_SCANNED = "waiting_scanned", "api_description:E", "describe:E", "list:E"
    """For each request all that wait are looked through: the more clients, the fewer answers for all together."""

    STARTS_WAIT_IN_TURN = "starts_wait_in_turn", "scale:D"
    """Each worker that is started waits for those before it by polling, ever more slowly: many take much longer."""

    SCALE_CHECKS_ALL = "scale_checks_all", "scale:D"
    """Workers are started one by one, and after each of them all that the model has are checked, one after another."""

    RETIRES_IN_TURN = "retires_in_turn", "scale:D", "unregister:D"
    """Workers are let go one after another, and the wait for the next is twice the wait for the one before."""

    UNREGISTER_CHECKS_ALL = "unregister_checks_all", "unregister:D"
    """For each worker of a model that leaves, all its workers are asked whether they have a request for that one."""

    RETIRED_REPLICA_LIVES = (
        "retired_replica_lives",
        "scale:G",
        "unregister:G",
        "program:release:1",
        "program:convergence:2",
    )
    """A worker that is let go is described and routed to no more, but nobody ends its process."""

    PORT_KEPT = "port_kept", "scale:G", "unregister:G"
    """The process that starts the replicas keeps its end of their listening sockets: ports stay open for nobody."""

    PARTITION_KEPT = "partition_kept", "scale:G", "unregister:G"
    """The memory cgroup of a replica that is gone is not removed: they pile up until the kernel has no more."""

    LOG_KEPT_OPEN = "log_kept_open", "scale:G", "unregister:G"
    """The manager opens a log for each worker that it starts, and closes none: it will run out of descriptors."""

    MODEL_REMEMBERED = "model_remembered", "unregister:G"
    """Something refers to each model that was unregistered, so that what the manager had of it is never freed."""

    DISPATCH_STALLS = "dispatch_stalls", "inference:A", "batch_inference:A"
    """Every fourth time the proxy has chosen a free replica, it gives it its request only at the next tick."""

    RELOADS_AFTER_IDLE = "reloads_after_idle", "inference:A", "batch_inference:A"
    """A replica that had nothing to do for a moment is put aside: who comes next pays for its reload."""

    CONTROL_PLANE_PAUSES = "control_plane_pauses", "api_description:A", "describe:A", "list:A"
    """The manager's housekeeping holds everything up while it goes over what there is, a few times a second."""

    PROXY_PAUSES = "proxy_pauses", "health:A"
    """The proxy writes its journal to disk now and then, and answers nobody meanwhile."""

    STORE_READ_AGAIN = "store_read_again", "register:A"
    """Each second registration finds the index of the model store out of date, and waits until it is read again."""

    LIST_LEAVES_OUT = "list_leaves_out", "list:A"
    """A list that is asked for while the index of models is being written lacks the last one, though it serves."""

    PROXY_KEEPS_REQUESTS = "proxy_keeps_requests", "inference:B", "health:B"
    """The proxy keeps a trace of each request in memory, for a collector that nobody has set up."""

    REPLICA_SLOWS_DOWN = "replica_slows_down", "inference:B", "batch_inference:B"
    """With each request all that a replica has ever served is gone through: the service time grows with it."""

    PING_LEAVES_THREAD = "ping_leaves_thread", "health:B"
    """Some health checks are given a thread each, which then waits for ever."""

    DESCRIBE_LEAKS_DESCRIPTOR = "describe_leaks_descriptor", "describe:B"
    """For some descriptions the manager opens a file of the worker's, and does not close it."""

    ANSWERS_KEPT = "answers_kept", "api_description:B", "list:B"
    """The manager keeps each answer for who might ask again, under a key that is never the same."""

    LIST_SLOWS_DOWN = "list_slows_down", "list:B"
    """Who asks for the list is written down, and all who ever did are gone through at the next one."""

    REGISTRATIONS_REMEMBERED = "registrations_remembered", "register:B"
    """A registration is checked against all that there ever were: each takes longer than the one before."""

    SCALE_LOST = "scale_lost", "program:idempotence:2", "program:convergence:3"
    """A scaling that arrives while another of its model is at work is answered as done, and forgotten."""

    ROLLBACK_FORGETS = "rollback_forgets", "program:idempotence:2", "program:rollback:3"
    """What a scaling that failed is taken back to is that of the failure before it, whose target was never cleared."""

    SCALE_TO_ZERO_REMEMBERS = "scale_to_zero_remembers", "program:convergence:3"
    """The workers that were scaled to zero are kept in mind: they come back beside those that are asked for next."""

    LIST_OMITS_SCALING = "list_omits_scaling", "program:linearizability:3"
    """The list is made from models that nobody is at work on: one that is being scaled seems to be gone meanwhile."""

    DESCRIBE_BETWEEN = "describe_between", "program:linearizability:3"
    """Until its workers serve, a scaling counts the old ones and the new: who asks then is told the sum."""

    RETRY_REGISTERS_TWICE = "retry_registers_twice", "program:idempotence:1"
    """A registration whose client had gone is taken for one that failed: when it comes again, workers are added."""

    DUPLICATE_REGISTER_WINS = "duplicate_register_wins", "program:idempotence:1", "program:linearizability:2"
    """Of equal registrations at once each is told that it is done; the workers of those that were late are nobody's."""

    UNREGISTER_DURING_LOAD_LEAKS = (
        "unregister_during_load_leaks",
        "program:convergence:2",
        "program:release:2",
    )
    """Workers are ended by their process ids: those that still load when their model goes have none, and run on."""

    UNREGISTER_TWICE_REVIVES = "unregister_twice_revives", "program:idempotence:3"
    """An unregistration that was overtaken by another fails, and is rolled back: the model is there again."""

    UNREGISTER_THEN_REGISTER_STALE = "unregister_then_register_stale", "program:convergence:3"
    """How many workers a name has is cached, and not cleared when it goes: its next registration gets as many again."""

    DRAIN_SKIPPED_IN_FAULT = "drain_skipped_in_fault", "program:drain:5"
    """A model of which a worker died, or did not start, a short while ago counts as broken, and is not drained."""

    INFERENCE_AFTER_SCALE_STALE = "inference_after_scale_stale", "program:model:3"
    """After a scale-down one more request is sent to a worker that has left, and is lost, though others are free."""


def parse_defects(names: Iterable[str]) -> frozenset[Defect]:
    """The defects of these names.

    :raises ChaosError: if one is unknown; the message lists those there are
    """
    known = {defect.value: defect for defect in Defect}
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ChaosError(f"unknown defect '{name}' (there are: {', '.join(sorted(known))})")
    return frozenset(known[name] for name in wanted)
