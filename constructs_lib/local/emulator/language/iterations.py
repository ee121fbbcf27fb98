"""Inline Map and Parallel states: how many iterations run at the same time, what a redrive runs of them, their limit.

moto starts a thread for each item of an inline Map, and a worker calls itself for the next item, up to
Python's limit. Here at most 40 iterations run at the same time, as on AWS, and a worker loops.
"""

import copy
import threading
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobClosed, JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel

from constructs_lib.local.emulator.language import positions
from constructs_lib.local.emulator.language.limits import check_result
from constructs_lib.local.emulator.patches import replace, require

# What an inline Map runs at most, whatever MaxConcurrency says.
MAX_INLINE_CONCURRENCY = 40
_RESULT = "result of a Map or Parallel"


def _run_iterations(self: Any, env: Any) -> None:
    """In the place of moto's `InlineIterationComponent._eval_body`."""
    given = env.stack.pop()
    attempt = positions.attempt_of(env)
    # A redrive's are those of the first run: the expression may say something else by now.
    items = attempt.items = given.input_items if attempt.items is None else attempt.items
    pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
    done = {index: part.output for index, part in attempt.parts.items() if part.has_ended}
    pool._open_jobs = [job for job in pool._open_jobs if job.job_index not in done]
    pool._closed_jobs.update(JobClosed(job_index=index, job_output=output) for index, output in done.items())
    width = min(given.max_concurrency or MAX_INLINE_CONCURRENCY, MAX_INLINE_CONCURRENCY, len(pool._open_jobs))
    workers = [self._create_worker(env=env, eval_input=given, job_pool=pool) for _ in range(width)]
    for worker in workers:
        worker.attempt = attempt
    if width == 1:
        workers[0].eval()
    else:
        for worker in workers:
            threading.Thread(target=worker.eval, daemon=True).start()
    pool.await_jobs()
    error = pool.get_worker_exception()
    if error is not None:
        raise error
    env.stack.append([job.job_output for job in sorted(pool._closed_jobs, key=lambda job: job.job_index)])


def _run_jobs(self: Any, job: Any, worker_frame: Any) -> None:
    """In the place of moto's `IterationWorker._eval_pool`, which calls itself for the next job."""
    while job is not None:
        frame = worker_frame.open_inner_frame()
        positions.open_part(frame, self.attempt.part(job.job_index))
        try:
            self._eval_job(env=frame, job=job)
        except Exception as error:  # noqa: BLE001 - the history is full, say; whatever it is, the map must hear of it
            job.job_output = error
        worker_frame.close_frame(frame)
        following = None if isinstance(job.job_output, Exception) or self.stopped() else self._job_pool.next_job()
        if following is None:
            if not isinstance(job.job_output, Exception) and not self.stopped():
                # The last iteration's last event comes before what follows the map.
                worker_frame.event_history_context.source_event_id = frame.event_history_context.last_published_event_id
            # Before the job: the map goes on when its jobs are closed, and needs what the frame brings.
            self._env.close_frame(worker_frame)
            self._job_pool.close_job(job)
            return
        self._job_pool.close_job(job)
        job = following
    self._env.close_frame(worker_frame)


def _evaluate(self: Any, env: Any) -> None:
    """In the place of moto's `ExecutionState._evaluate_with_timeout`: neither Map nor Parallel has a timeout."""
    frame = env.open_frame()
    positions.open_attempt(env, frame)
    try:
        frame.states.reset(input_value=env.states._states_data["input"])
        frame.stack = copy.deepcopy(env.stack)
        self._eval_execution(frame)
    finally:
        frame.set_ended()
        env.close_frame(frame)
    if not frame.stack:
        # It was stopped before it had a result.
        return
    result = env.heap[_RESULT] = frame.stack.pop()
    env.stack.append(result)
    if not self._is_language_query_jsonpath():
        env.states.set_result(result)
    for step in (self.assign_decl, self.result_selector):
        if step:
            step.eval(env=env)
    if self.result_path:
        self.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


class _Branch:
    """A branch of a Parallel, in the place of moto's program of it: one that has ended keeps its output."""

    def __init__(self, program: Any, position: positions.Position) -> None:
        self._program = program
        self._position = position

    def eval(self, env: Any) -> None:
        """Run it in its frame, unless the state has been stopped before it began."""
        if not env.is_running():
            return
        env.position = self._position
        if self._position.has_ended:
            env.states.reset(input_value=self._position.output)
            env.set_ended()
            return
        try:
            self._program.eval(env)
        except Exception as error:  # noqa: BLE001 - it was stopped just now, say; whatever it is, the state must hear of it
            env.set_error({"error": "States.Runtime", "cause": repr(error)})


def _run_branches(self: Any, env: Any) -> None:
    """In the place of moto's `BranchesDecl._eval_body`."""
    attempt = positions.attempt_of(env)
    branches = [_Branch(program, attempt.part(index)) for index, program in enumerate(self.programs)]
    _original_run_branches(BranchesDecl(branches), env)


def _check_results(self: Any, env: Any, value: Any) -> None:
    """In the place of moto's `_verify_size_quota`: the result has the limit, too, not only the output."""
    check_result(env, self.name, env.heap.pop(_RESULT, None))
    check_result(env, self.name, value)


_original_run_branches: Any = BranchesDecl._eval_body


def install() -> None:
    """Iterate here."""
    require(InlineIterationComponent, "_create_worker", "_get_iteration_program")
    require(IterationWorker, "_eval_job", "stopped")
    require(JobPool, "next_job", "close_job", "await_jobs", "get_worker_exception")
    require(JobPool(None, []), "_open_jobs", "_closed_jobs")
    replace(InlineIterationComponent, "_eval_body", _run_iterations)
    replace(IterationWorker, "_eval_pool", _run_jobs)
    replace(BranchesDecl, "_eval_body", _run_branches)
    for state in (StateMap, StateParallel):
        replace(state, "_evaluate_with_timeout", _evaluate)
        replace(state, "_verify_size_quota", _check_results)
