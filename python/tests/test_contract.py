"""What the service's API has, and what there is for it here: its routes, the options of tasks, its errors."""
import json
import os
import re
import unittest

from cutting_proxy import CuttingProxy

from mpcsfaas import Client, errors, options, refusals
from mpcsfaas.connection import Address, Answer

SOURCE = "def same(x):\n    return x\n"

# Why no method of Client asks for a route.
NONE_BECAUSE = {
    "it is for whoever looks at the service with a browser": {"frontPage"},
    "who speaks the classic API needs no SDK": {
        "registerClassic",
        "executeClassic",
        "classicStatus",
        "classicResult",
        "classicResultV1",
    },
    "readResults does the same for any number of tasks": {"getResult"},
    "`submit` and `wait` do the same over cut connections, too": {"callFunction"},
    "it is for whoever runs the service": {"healthz", "readyz", "metrics"},
    "it is for pip": {"pythonSdk", "pythonWheel"},
}

# What a caller catches.
CODES_OF = {
    errors.ServiceTooOld: "route_not_found method_not_allowed",
    errors.BadRequestError: "invalid_json invalid_frames invalid_base64 invalid_pickle invalid_id invalid_cursor bad_request "
    "not_callable pickle_for_javascript url_too_long headers_too_large unsupported_media_type expectation_failed",
    errors.AuthenticationError: "unauthorized",
    errors.PermissionDeniedError: "forbidden_host forbidden_origin",
    errors.NotFoundError: "function_not_found key_not_found task_not_found",
    errors.ConflictError: "task_ended task_not_ended",
    errors.ExpiredError: "task_expired",
    errors.ResultFormError: "result_form_not_stored",
    errors.TooLargeError: "body_too_large args_too_large code_too_large exceeds_queue",
    errors.ValidationError: "validation_failed",
    errors.NotSelfContained: "not_self_contained",
    errors.IdempotencyError: "idempotency_key_reused",
    errors.QueueFull: "queue_full",
    errors.RateLimitedError: "rate_limited",
    errors.InternalError: "internal",
    errors.ServiceUnavailableError: "store_unavailable not_ready shutting_down",
    errors.NoWorkerError: "no_worker",
    errors.TaskFailed: "task_failed",
    errors.TaskCanceled: "task_canceled",
    errors.WorkerLost: "task_lost",
    errors.TaskTimeout: "task_timed_out",
}


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Client() as client:
            cls.document = client._get("/openapi.json")

    def operations(self, sent):
        """The operations that were asked for by what was sent."""
        asked = [(method, target.partition("?")[0]) for method, target in re.findall(r"^([A-Z]+) (\S+) HTTP/1\.1\r$", sent, re.M)]
        return {
            route["operationId"]
            for path, methods in self.document["paths"].items()
            for method, route in methods.items()
            if any(by == method.upper() and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), to) for by, to in asked)
        }

    def test_every_route_has_a_method_that_asks_for_it_or_a_reason_to_have_none(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        name, group = "contract-sdk", "contract-%d" % os.getpid()
        with Client(proxy.url) as client:
            client.register(SOURCE, name=name, entry="same")
            ended = client.submit(name, [1])
            client.wait(ended)
            stuck = client.batch(name, [[1], [2]], labels=["nobody=has"])
            key_id = client.create_key(name)["key_id"]
            calls = {
                "registerFunction": lambda: client.register(SOURCE, name=name, entry="same"),
                "listFunctions": lambda: list(client.functions()),
                "getFunction": lambda: client.function(name),
                "submitTask": lambda: client.submit(name, [1]),
                "submitBatch": lambda: client.batch(name, [[1]]),
                "listTasks": lambda: list(client.list(group=group)),
                "getTask": lambda: client.get(ended),
                "readResults": lambda: list(client.results([ended])),
                "getLogs": lambda: client.logs(ended),
                "cancelTask": lambda: client.cancel(stuck[0]),
                "cancelTasks": lambda: client.cancel_many(stuck[1:]),
                "retryTask": lambda: client.retry(ended),
                "pinTask": lambda: client.pin(ended, False),
                "streamEvents": lambda: client.events(group=group).close(),
                "createKey": lambda: client.create_key(name),
                "listKeys": client.keys,
                "revokeKey": lambda: client.revoke_key(key_id),
                "listWorkers": client.workers,
                "getStats": client.stats,
                "getVersion": client.version,
                "deleteFunction": lambda: client.delete_function(name),
            }
            for operation, call in calls.items():
                del proxy.sent[:]
                made = call()
                self.assertIn(operation, self.operations(b"".join(proxy.sent).decode("latin-1")))
                if operation == "createKey":
                    self.addCleanup(self.revoke, made["key_id"])
        without = set().union(*NONE_BECAUSE.values())
        self.assertEqual(set(calls) & without, set())
        known = {route["operationId"] for methods in self.document["paths"].values() for route in methods.values()}
        self.assertEqual(set(calls) | without, known)

    def revoke(self, key_id):
        with Client() as client:
            client.revoke_key(key_id)

    def test_every_option_of_a_task_has_its_name_here(self):
        lasting = {name: options._NAMES[name] for name in options.LASTING}
        for title, names in (("TaskOptions", options._NAMES), ("FunctionOptions", lasting), ("RetryPolicy", options._RETRY)):
            known = self.document["components"]["schemas"][title]["properties"]
            self.assertEqual({there for there, _ in names.values()}, set(known))
        # And is told of, to readers and to type checkers.
        for names, told in ((options._NAMES, options.Options), (options._RETRY, options.Retry)):
            self.assertEqual(set(names), set(told.__annotations__))
        self.assertEqual(re.findall(r"^    (\w+)  ", options.Options.__doc__, re.M), list(options.Options.__annotations__))

    def test_every_error_is_raised_as_its_class(self):
        contract = os.path.join(os.path.dirname(__file__), "../../packages/contract/src/errors.ts")
        with open(contract, encoding="utf-8") as file:
            statuses = dict(re.findall(r"^  (\w+): \{ status: (\d+)", file.read(), re.M))
        self.assertGreater(len(statuses), 30)
        self.assertEqual({code for codes in CODES_OF.values() for code in codes.split()}, set(statuses))
        self.assertEqual(set(errors.BY_CODE), set(statuses))
        for kind, codes in CODES_OF.items():
            for code in codes.split():
                problem = {"type": "urn:mpcsfaas:error:" + code, "code": code, "status": int(statuses[code]), "detail": "So it is.", "request_id": "r"}
                answer = Answer(problem["status"], {}, json.dumps(problem).encode())
                error = refusals.refusal(Address("http://127.0.0.1:8000"), answer, "GET", "/v1/stats")
                self.assertIs(type(error), kind, code)
                if isinstance(error, errors.ServiceError):
                    self.assertEqual((error.code, error.status, error.request_id), (code, problem["status"], "r"))
                words = "does not know GET /v1/stats" if kind is errors.ServiceTooOld else "So it is."
                self.assertIn(words, str(error))


if __name__ == "__main__":
    unittest.main()
