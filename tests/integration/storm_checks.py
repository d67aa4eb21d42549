"""What must hold after a storm, by the database, the feeds and what the clients were told."""

import collections

from dossiers_process import feed_pb
from foreign_client import CALL_SECONDS, pb

SUBMITTED, ACCEPTED = pb.Dossier.SUBMITTED, pb.Dossier.ACCEPTED
TYPES = {"submit": "lgsp.dossiers.v1.DossierSubmitted", "accept": "lgsp.dossiers.v1.DossierAccepted"}
SAMPLE = 50


class Database:
    """The tables, read once."""

    def __init__(self, query):
        self.dossiers = {name: (int(revision), int(state), code) for name, revision, state, code in
                         query("SELECT name, revision, state, COALESCE(code, '') FROM dossiers")}
        self.codes = {(agency, day): int(last) for agency, day, last in
                      query("SELECT agency, day, last FROM dossier_codes")}
        self.transitions = collections.defaultdict(list)
        for dossier, revision, command in query("SELECT dossier, revision, command FROM transitions "
                                                "ORDER BY dossier, revision"):
            self.transitions[dossier].append((int(revision), command))
        self.records = {(caller, request_id): subject for caller, request_id, subject in
                        query("SELECT caller, request_id, subject FROM request_records")}
        self.feed = [(int(position), subject, int(revision), kind) for position, subject, revision, kind in
                     query("SELECT position, aggregateid, revision, type FROM feed ORDER BY position")]
        self.listed = {(name, agency): (int(state), settling) for name, agency, state, settling in
                       query("SELECT name, agency, state, settling FROM dossier_list")}
        self.counts = {(agency, int(settles), int(state)): int(count) for agency, settles, state, count in
                       query("SELECT agency, settles, state, SUM(count) FROM dossier_counts "
                             "GROUP BY agency, settles, state HAVING SUM(count) <> 0")}
        self.orders = [(subject, int(sequence)) for subject, sequence in
                       query("SELECT subject, sequence FROM calls WHERE kind = 'portal-sync'")]


def check_commands(test, cases, database):
    """Every acknowledged command took effect exactly once; the summary of those that nobody acknowledged."""
    submitted, accepted = {}, {}
    abandoned = collections.Counter()
    for case in cases:
        subject = database.records.get((case.system, case.submit_id))
        if case.submitted is None:
            if not case.failed:
                abandoned["submit, " + ("done" if subject else "not done")] += 1
            if subject is None:
                continue
        else:
            test.assertEqual(subject, pb.Dossier.FromString(case.submitted).name, "an acknowledged submission")
        test.assertNotIn(subject, submitted, "one dossier of two submissions")
        submitted[subject] = case.submit_id
        took_effect = [one for one in case.accept_ids if (case.system, one) in database.records]
        test.assertLessEqual(len(took_effect), 1, f"{subject} was accepted twice: {took_effect}")
        if case.accept_abandoned:
            abandoned["accept, " + ("done" if took_effect else "not done")] += 1
        if case.accepted is not None:
            answer = pb.Dossier.FromString(case.accepted)
            test.assertEqual(took_effect, [case.winner], f"the acceptance of {subject}")
            test.assertEqual(database.dossiers[subject], (2, ACCEPTED, answer.code), "an acknowledged acceptance")
        for one in took_effect:
            test.assertEqual(database.records[case.system, one], subject)
            accepted[subject] = one
    test.assertEqual(set(database.dossiers), set(submitted), "dossiers are those that were submitted")
    test.assertEqual(len(database.records), len(submitted) + len(accepted), "answers without a command")
    for name, (revision, state, code) in database.dossiers.items():
        commands = ["submit", "accept"] if name in accepted else ["submit"]
        test.assertEqual(database.transitions.get(name), list(enumerate(commands, 1)), name)
        test.assertEqual((revision, state, bool(code)),
                         (2, ACCEPTED, True) if name in accepted else (1, SUBMITTED, False), name)
    test.assertEqual(set(database.transitions), set(database.dossiers))
    # The order to tell the portal is part of the acceptance.
    test.assertEqual(sorted(database.orders), sorted((name, 2) for name in accepted))
    return len(submitted), len(accepted), abandoned


def check_codes(test, cases, database):
    """No code twice, none left out; what was lost, with the reason why it may be."""
    numbers = collections.defaultdict(list)
    for _, _, code in database.dossiers.values():
        if code:
            agency, day, number = code.rsplit("-", 2)
            numbers[agency, f"20{day[:2]}-{day[2:4]}-{day[4:]}"].append(int(number))
    test.assertEqual(set(numbers), set(database.codes))
    unacknowledged = sum(case.accept_abandoned for case in cases)
    lost, lines = 0, []
    for key, last in sorted(database.codes.items()):
        given = sorted(numbers[key])
        test.assertEqual(len(given), len(set(given)), f"a code of {key} was given twice")
        test.assertEqual(given[-1], last, f"the counter of {key}")
        missing = sorted(set(range(1, last + 1)) - set(given))
        lost += len(missing)
        lines.append(f"{'-'.join(key)}: 1 to {last}" + (f", lost {missing}" if missing else ""))
    test.assertLessEqual(lost, unacknowledged, f"numbers were lost without a command that was: {lines}")
    return lost, lines


def check_lists(test, database):
    """The agencies' lists and counts say what the dossiers are."""
    listed, counts = set(), collections.Counter()
    for (name, agency), (state, settling) in database.listed.items():
        test.assertEqual(state, database.dossiers[name][1], f"{name} in the list of {agency}")
        listed.add(name)
        counts[agency, int(agency == settling), state] += 1
    test.assertEqual(listed, set(database.dossiers))
    test.assertEqual(database.counts, dict(counts))


def check_feed(test, database, followers):
    """Both feeds are the transitions: positions and revisions without gaps, in order."""
    test.assertEqual([row[0] for row in database.feed], list(range(1, len(database.feed) + 1)), "positions")
    revisions = collections.defaultdict(list)
    for _, subject, revision, kind in database.feed:
        revisions[subject].append((revision, kind))
    wanted = {name: [(revision, TYPES[command]) for revision, command in rows]
              for name, rows in database.transitions.items()}
    test.assertEqual(dict(revisions), wanted, "events of each dossier")
    for follower in followers:
        test.assertEqual(follower.seen, database.feed, f"what {follower.name} told its follower, over its deaths")


def read_feed(stub, count):
    """The first `count` events of a feed, from the beginning."""
    call = stub.Follow(feed_pb.FollowRequest(), timeout=CALL_SECONDS)
    seen = []
    for message in call:
        if message.HasField("event"):
            event = message.event
            seen.append((message.position.n, event.subject, event.revision, event.type))
        if len(seen) == count:
            break
    call.cancel()
    return seen


def check_reads(test, installation, processes, database, system, agencies):
    """A sample of dossiers is the same from every process."""
    for name in sorted(database.dossiers)[:SAMPLE]:
        answers = []
        for process in processes:
            answer = process.stub.GetDossier(pb.GetDossierRequest(name=name), timeout=CALL_SECONDS,
                                             metadata=installation.metadata(system, agencies))
            answer.ClearField("portal_sync")  # goes on while it is read
            answers.append(answer.SerializeToString(deterministic=True))
            test.assertEqual((answer.revision, answer.state, answer.code), database.dossiers[name])
        test.assertEqual(answers[0], answers[1])
