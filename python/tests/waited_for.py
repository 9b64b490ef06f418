"""What a client waits for."""


def waited_for(client):
    """The futures of tasks that exist already, all of each task, which a Client waits for."""
    found = []
    for follower in client._followers._all():
        with follower._lock:
            found += [one for first in follower._outstanding.values() for one in (first, *(first._others or []))]
    return found
