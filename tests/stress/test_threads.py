"""Many threads: one client for all of them, and ten thousand clients in passing."""

import threading

from tests.stress.conftest import run


def test_one_client_for_64_threads(client):
    failures = []

    def work(number):
        try:
            for turn in range(25):
                body = b"%d/%d " % (number, turn) * (1 + 97 * (turn % 7))
                result = client.invoke_endpoint(EndpointName="ep", Body=body)
                assert result["Body"].read() == body
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    pool = client.pool
    assert (pool.busy, pool.waiting) == (0, 0)
    assert pool.idle == pool.open <= 10


def test_ten_thousand_clients_leave_nothing_behind(echo):
    """Resident memory is flat to 1 MiB, and so are descriptors and threads."""
    printed = run(
        """
        def work(count):
            for number in range(count):
                client = made(url)
                if number % 10 == 0:
                    assert call(client) == b"{}"

        def spread(count):
            threads = [threading.Thread(target=work, args=(count // 64,)) for _ in range(64)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            gc.collect()

        def resident():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        spread(6400)
        before, descriptors = resident(), len(os.listdir("/proc/self/fd"))
        spread(10_048)
        print(resident() - before)
        assert len(os.listdir("/proc/self/fd")) <= descriptors
        assert threading.active_count() == 1
        """,
        echo,
        timeout=300,
    )
    assert int(printed) <= 1 << 20


def test_a_dropped_client_is_gone_at_once(echo):
    """It and its connections do not wait for the collector, which may be off."""
    run(
        """
        def used():
            client = made(url)
            assert call(client) == b"{}"

        used()
        gc.collect()
        gc.disable()
        before = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            used()
        after = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
        assert after[1] == before[1], (before, after)
        assert after[0] <= before[0] + 20, (before, after)
        """,
        echo,
    )
