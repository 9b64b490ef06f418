"""What is told of an answer that is none, or none of the service itself."""
import json
import ssl
from typing import Any, Dict, Optional

from . import errors
from .connection import Address, Answer, is_silence, retry_after
from .versions import __version__

_ANOTHER_URL = "name another URL (argument `url`, variable MPCSFAAS_URL)"
# What OpenSSL calls an answer that is plain text, by its version.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_FOR_GOOD = (errors.AuthenticationError, errors.PermissionDeniedError, errors.ServiceTooOld, errors.NoService, errors.ValidationError)
# So many characters of what something else says are repeated.
_SHOWN = 80
# What a proxy answers by itself where it cannot reach the service behind it.
_NOT_REACHED = (502, 503, 504)
# And where something is wrong on the way, or with the request (408, 421, 425, 431): no other URL helps there.
_ON_THE_WAY = (408, 421, 425, 431)
_NOT_IMPLEMENTED = 501


def unreachable(address: Address, fault: Optional[BaseException], waited: float) -> errors.ServiceUnreachable:
    """Where no answer came within so many seconds. fault: of the last try."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return errors.ServiceUnreachable(
            "The certificate of %s is not to be trusted (%s): give the service one that is, or name who has signed it in the "
            "variable SSL_CERT_FILE." % (address.url, fault.verify_message or fault)
        )
    if isinstance(fault, ssl.SSLError) and fault.reason in _NO_TLS:
        return errors.ServiceUnreachable(
            "What answers at %s speaks no TLS: name it as http://%s%s (argument `url`, variable MPCSFAAS_URL)."
            % (address.url, address.host, address.prefix)
        )
    if fault is not None and is_silence(fault):
        return errors.ServiceUnreachable(
            "The service at %s does not answer: nothing came within %g s. It hangs, or something on the way lets nothing through, "
            "or it is the wrong place: then %s." % (address.url, round(waited, 1), _ANOTHER_URL)
        )
    return errors.ServiceUnreachable(
        "There is no service at %s (%s): start one with `npm start` or `mpcsfaas up`, or %s." % (address.url, fault, _ANOTHER_URL)
    )


def refusal(address: Address, answer: Answer, method: str, path: str) -> errors.FaasError:
    """The error of an answer that is not what was asked for."""
    problem = _problem(answer)
    if problem is None:
        found = _of_others(address, answer)
    elif errors.BY_CODE.get(str(problem.get("code"))) is errors.ServiceTooOld:
        found = _too_old(address, method, path)
    else:
        found = errors.of_problem(problem, answer.status)
    if problem is not None and isinstance(found, errors.AuthenticationError):
        # How it is given here the service does not know.
        words = "%s Give a valid key as the argument `api_key=` or in the variable MPCSFAAS_API_KEY." % found.detail
        found = errors.AuthenticationError(words, problem)
    # To the millisecond; the header rounds that up.
    told = None if problem is None else problem.get("retry_after_ms")
    found.retry_after = told / 1000 if isinstance(told, int) else retry_after(answer.headers)
    return found


def is_for_good(error: errors.FaasError) -> bool:
    """Is it of no use to ask again?"""
    return isinstance(error, _FOR_GOOD)


def _problem(answer: Answer) -> Optional[Dict[str, Any]]:
    """What a service of ours has said, None where it is the word of something else: others, too, answer JSON with a `code`."""
    try:
        problem = json.loads(answer.content)
    except ValueError:
        return None
    is_ours = isinstance(problem, dict) and str(problem.get("type", "")).startswith("urn:mpcsfaas:")
    return problem if is_ours else None


def _of_others(address: Address, answer: Answer) -> errors.FaasError:
    """No service of ours has said so: a proxy in front of one, where that is what a proxy says, or no service at all."""
    status = answer.status
    if status in _NOT_REACHED:
        return errors.ServiceUnreachable(
            "A proxy answers %d at %s: it does not reach the service behind it. Is that one running, and the proxy's "
            "target right?" % (status, address.url)
        )
    problem = {"status": status}
    if status == 413:
        return errors.TooLargeError(
            "Something in front of the service at %s refuses the size of the request (413), not the service itself: raise the "
            "limit there (`client_max_body_size` of nginx), or send less in one call." % address.url,
            problem,
        )
    if status == 429:
        return errors.RateLimitedError(
            "Something in front of the service at %s refuses the request for now (429), not the service itself: raise the limit "
            "there (`limit_req` of nginx), or ask less often." % address.url,
            problem,
        )
    if status in (401, 403):
        return errors.AuthenticationError(
            "Something in front of the service at %s refuses the request (%d), not the service itself: call the service by a URL "
            "that leads past it, or have it let requests with the service's API keys through." % (address.url, status),
            problem,
        )
    if status in _ON_THE_WAY or (status >= 500 and status != _NOT_IMPLEMENTED):
        words = "Something in front of the service at %s, or no MPCSFaaS at all, answers %d: it said %s."
        return errors.of_problem({**problem, "detail": words % (address.url, status, _said(answer))}, status)
    return no_service(address, answer)


def _said(answer: Answer) -> str:
    return json.dumps(answer.content.decode(errors="replace")[:_SHOWN], ensure_ascii=False)


def no_service(address: Address, answer: Answer) -> errors.NoService:
    """Something else answers there."""
    place = answer.headers.get("location")
    said = _said(answer) if place is None else "that it is to be found at " + place
    words = "What answers at %s is no MPCSFaaS: it said %d %s; %s." % (address.url, answer.status, said, _ANOTHER_URL)
    return errors.NoService(words, answer.status)


def _too_old(address: Address, method: str, path: str) -> errors.ServiceTooOld:
    if address.prefix:
        return errors.ServiceTooOld(
            "There is no service at %s: leave %s out of the URL, for %s answers."
            % (address.url, address.prefix, address.url[: -len(address.prefix)])
        )
    # By the page that links to it, for the name of another version's wheel is not known here. Over plain HTTP pip reads such
    # a page of its own machine alone, unless it is told to.
    trusted = "" if address.secure else " --trusted-host " + address.host
    return errors.ServiceTooOld(
        "The service at %s does not know %s %s: it is older than this SDK (%s). Update the service, or "
        "install the SDK that it offers: pip install --force-reinstall --no-deps --no-index%s --find-links %s/sdk/python/ mpcsfaas"
        % (address.url, method, path.partition("?")[0], __version__, trusted, address.url)
    )
