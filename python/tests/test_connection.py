"""What is read of an answer, however it comes in pieces."""
import http.client
import socket
import threading
import unittest

from mpcsfaas.connection import Address, Chunks, Connection

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Chunked(unittest.TestCase):
    def test_a_body_is_over_with_its_last_line_wherever_it_is_cut(self):
        for end in (b"0\r\n\r\n", b"0;last\r\n\r\n", b"0\r\nDigest: x\r\nOther: y\r\n\r\n"):
            whole = b"3\r\nabc\r\na;x=y\r\n0123456789\r\n" + end
            for size in (1, 2, 3, 5, len(whole)):
                chunks, body = Chunks(), b""
                for at in range(0, len(whole), size):
                    self.assertFalse(chunks.is_over)
                    body += chunks.take(whole[at : at + size])
                self.assertEqual((body, chunks.is_over), (b"abc0123456789", True))

    def test_what_is_not_chunked_is_told_so(self):
        with self.assertRaises(http.client.HTTPException):
            Chunks().take(b"<html>\r\n")

    def test_the_end_of_one_that_comes_late_is_no_part_of_the_next_answer(self):
        late = threading.Event()

        def serves():
            near, _ = server.accept()
            with near:
                near.recv(65536)
                near.sendall(HEAD + b"1\r\na\r\n0\r\n")
                late.wait(20)
                near.sendall(b"\r\n")
                near.recv(65536)
                near.sendall(HEAD + b"1\r\nb\r\n0\r\n\r\n")

        class Late(Connection):
            """That lets the rest come when it has read what was there."""

            def piece(self):
                piece = super().piece()
                late.set()
                return piece

        with socket.create_server(("127.0.0.1", 0)) as server:
            serving = threading.Thread(target=serves)
            serving.start()
            connection = Late(Address("http://127.0.0.1:%d" % server.getsockname()[1]), 20.0)
            try:
                found = [connection.exchange("GET", "/", {}, (), 20.0).content for _ in range(2)]
            finally:
                connection.close()
                late.set()
                serving.join()
        self.assertEqual(found, [b"a", b"b"])


if __name__ == "__main__":
    unittest.main()
