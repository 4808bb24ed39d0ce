"""The Python client's sender of the delivery protocol, without sockets and with the time in hand."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TROUPE_SOURCE_DIR"], "clients", "python"))

from troupe._delivery import NEVER, Acknowledge, Conclude, Offer, Sender, Withdraw


class Rules(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.out = []
        self.begin(resubmit=True)

    def begin(self, resubmit):
        self.sender = Sender(["a", "b"], resubmit=resubmit, seed=1)
        self.sender.node_up(0.0, "a", 1, self.out)
        self.sender.node_up(0.0, "b", 2, self.out)

    def submit(self, task=1, first="a", deadline=NEVER, pinned=False, attempt=0):
        self.sender.submitted(self.now, task, first, deadline, pinned, attempt, self.out)
        return self.taken()

    def taken(self):
        taken, self.out[:] = list(self.out), []
        return taken

    def until(self, end):
        while self.sender.next_wakeup() <= end:
            self.now = max(self.now, self.sender.next_wakeup())
            self.sender.advance(self.now, self.out)
        self.now = end
        return self.taken()

    def test_a_task_goes_to_its_node_and_its_result_concludes_it(self):
        self.assertEqual(self.submit(), [Offer("a", 1, 1, None)])
        self.sender.accepted("a", 1, 1, 1)
        self.assertEqual(self.until(100), [])
        self.sender.result(self.now, "a", 1, 1, None, self.out)
        self.assertEqual(self.taken(), [Acknowledge("a", 1), Conclude(1, None)])
        self.sender.result(self.now, "a", 1, 1, None, self.out)  # once more
        self.assertEqual(self.taken(), [Acknowledge("a", 1)])

    def test_an_offer_without_an_answer_is_sent_again_ever_more_seldom(self):
        self.submit()
        self.assertEqual(self.until(1.5), [Offer("a", 1, 1, None)])
        self.assertEqual(self.until(2.9), [])
        self.assertEqual(self.until(3.1), [Offer("a", 1, 1, None)])
        self.sender.result(self.now, "a", 1, 1, None, self.out)
        self.assertEqual(self.taken(), [Acknowledge("a", 1), Conclude(1, None)])

    def test_a_lost_nodes_task_goes_elsewhere_and_the_first_answer_counts(self):
        self.submit()
        self.sender.accepted("a", 1, 1, 1)
        self.sender.node_down(self.now, "a", self.out)
        self.assertEqual(self.taken(), [Offer("b", 1, 2, None)])
        self.sender.node_up(self.now, "a", 1, self.out)
        self.sender.result(self.now, "a", 1, 1, None, self.out)
        self.assertEqual(self.taken(), [Acknowledge("a", 1), Withdraw("b", 1), Conclude(1, None)])

    def test_of_one_that_was_restarted_nothing_counts(self):
        self.submit()
        self.sender.node_down(self.now, "a", self.out)
        self.taken()
        self.sender.node_up(self.now, "a", 9, self.out)
        self.sender.result(self.now, "a", 1, 1, None, self.out)
        self.sender.result(self.now, "a", 9, 1, None, self.out)
        self.assertEqual(self.taken(), [])

    def test_without_resubmission_a_loss_is_the_outcome(self):
        self.begin(resubmit=False)
        self.submit()
        self.sender.node_down(self.now, "a", self.out)
        self.assertEqual(self.taken(), [Conclude(1, "unreachable")])

    def test_a_resubmitted_task_is_a_later_attempt(self):
        self.assertEqual(self.submit(attempt=4), [Offer("a", 1, 5, None)])

    def test_while_no_node_is_up_a_task_waits_for_the_first(self):
        self.sender = Sender(["a", "b"], resubmit=True)
        self.assertEqual(self.submit(task=1), [])
        self.assertEqual(self.submit(task=2), [])
        self.sender.node_up(3.0, "b", 5, self.out)
        self.assertEqual(self.taken(), [Offer("b", 1, 1, None), Offer("b", 2, 1, None)])

    def test_and_not_for_ever(self):
        self.sender = Sender(["a"], resubmit=True)
        self.submit()
        self.assertEqual(self.until(9.9), [])
        self.assertEqual(self.until(10.1), [Conclude(1, "unreachable")])

    def test_a_full_node_is_left_alone_for_as_long_as_it_said(self):
        self.submit()
        self.sender.rejected(self.now, "a", 1, 1, 1, "queue_full", 5.0, self.out)
        (offer,) = self.until(0.5)
        self.assertEqual((offer.node, offer.attempt), ("b", 2))
        self.sender.rejected(self.now, "b", 2, 1, 2, "queue_full", 5.0, self.out)
        self.assertEqual(self.until(4.9), [])
        self.assertEqual(self.until(6.0)[0].attempt, 3)

    def test_a_refusal_for_good_is_the_outcome(self):
        self.submit()
        self.sender.rejected(self.now, "a", 1, 1, 1, "infeasible", 0.0, self.out)
        self.assertEqual(self.taken(), [Conclude(1, None)])

    def test_five_losses_end_it(self):
        self.submit()
        seen = []
        for epoch in range(10, 20):
            for node in ("a", "b"):
                self.sender.node_down(self.now, node, self.out)
                self.sender.node_up(self.now, node, epoch, self.out)
            seen += self.taken()
        self.assertEqual(seen[-1], Conclude(1, "unreachable"))
        self.assertEqual(len(seen), 5)

    def test_what_was_given_up_is_not_withdrawn(self):
        self.sender = Sender(["a"], resubmit=True)
        self.sender.node_up(0.0, "a", 1, self.out)
        self.submit()
        for _ in range(5):  # losses of the connection alone: the node has the task all the while
            self.sender.node_down(self.now, "a", self.out)
            self.sender.node_up(self.now, "a", 1, self.out)
        self.assertEqual([action for action in self.taken() if not isinstance(action, Offer)],
                         [Conclude(1, "unreachable")])

    def test_a_deadline_ends_it_after_a_grace_for_the_holders_own_answer(self):
        self.assertEqual(self.submit(deadline=1.0), [Offer("a", 1, 1, 1.0)])
        self.sender.accepted("a", 1, 1, 1)
        self.assertEqual(self.until(2.9), [])
        self.assertEqual(self.until(3.0), [Withdraw("a", 1), Conclude(1, "expired")])

    def test_a_pinned_task_waits_for_its_node_alone(self):
        self.sender.node_down(self.now, "a", self.out)
        self.assertEqual(self.submit(pinned=True), [])
        self.assertEqual(self.until(2.9), [])
        self.assertEqual(self.until(3.1), [Conclude(1, "unreachable")])

    def test_a_pinned_task_does_not_survive_what_it_would_have_searched(self):
        self.submit(pinned=True)
        self.sender.node_down(self.now, "a", self.out)
        self.sender.node_up(self.now, "a", 7, self.out)
        self.assertEqual(self.taken(), [Conclude(1, "unreachable")])

    def test_done_tasks_leave_no_timers(self):
        for task in range(1, 5000):
            self.submit(task=task, deadline=self.now + 3600)
            self.sender.result(self.now, "a", 1, task, None, self.out)
        self.taken()
        self.assertLess(len(self.sender._timers), 200)


class Trouble(unittest.TestCase):
    def test_whatever_happens_each_task_is_concluded_once(self):
        for seed in range(150):
            with self.subTest(seed):
                self.one_life(random.Random(seed), resubmit=seed % 3 != 0)

    def one_life(self, chance, resubmit):
        nodes = ["a", "b", "c"]
        sender = Sender(nodes, resubmit=resubmit, seed=chance.random())
        up, out, now, epochs = {}, [], 0.0, 0
        submitted, concluded, offers = set(), [], []

        def carry_out():
            for action in out:
                if isinstance(action, Offer):
                    self.assertIn(action.node, up)
                    self.assertNotIn(action.task, concluded)
                    offers.append((action, up[action.node]))
                elif isinstance(action, Conclude):
                    concluded.append(action.task)
            out.clear()

        for step in range(300):
            now += chance.random() * 0.3
            sender.advance(now, out)
            carry_out()
            node = chance.choice(nodes)
            what = chance.random()
            if what < 0.1 and node in up:
                del up[node]
                sender.node_down(now, node, out)
            elif what < 0.3 and node not in up:
                epochs += 1
                up[node] = epochs
                sender.node_up(now, node, epochs, out)
            elif what < 0.6:
                task = step + 1
                submitted.add(task)
                deadline = chance.choice((NEVER, now + chance.random() * 4))
                sender.submitted(now, task, node, deadline, chance.random() < 0.2, 0, out)
            elif what < 0.65 and submitted:
                sender.canceled(chance.choice(sorted(submitted)), out)
            elif offers:
                offer, epoch = chance.choice(offers)
                answer = chance.random()
                if answer < 0.4:
                    sender.result(now, offer.node, epoch, offer.task,
                                  chance.choice((None, None, "queue_full", "draining", "internal")), out)
                elif answer < 0.7:
                    sender.accepted(offer.node, epoch, offer.task, offer.attempt)
                elif answer < 0.9:
                    sender.rejected(now, offer.node, epoch, offer.task, offer.attempt,
                                    chance.choice(("queue_full", "draining", "infeasible")), 0.1, out)
                else:
                    sender.undelivered(now, offer.node, offer.task, offer.attempt, "queue_full", out)
            carry_out()
        for node in list(up):  # silence: every task ends by the clock, or with its node
            del up[node]
            sender.node_down(now, node, out)
            carry_out()
        while (at := sender.next_wakeup()) < NEVER:
            sender.advance(at, out)
        carry_out()
        self.assertEqual(sorted(concluded), sorted(submitted))


if __name__ == "__main__":
    unittest.main()
