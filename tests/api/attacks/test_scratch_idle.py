from tests.api.attacks.test_sockets import *
def test_idle(served):
    with closing(opened(served)) as a, closing(opened(served)) as b:
        a.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\n")
        sleep(22)
        for c in (a,b):
            c.settimeout(0.2)
            try: print("RECV", c.recv(100))
            except TimeoutError: print("STILL OPEN after 22 s")
