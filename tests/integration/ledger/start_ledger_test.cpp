// Starts through the ledger and a real store: what is sent when, what clients hear, what the disk
// has.
#include "start_ledger_world.hpp"

namespace start_ledger_test {
namespace {

TEST_F(StartLedgerTest, NothingIsSentBeforeItIsOnDisk) {
  open();
  disk.signal.change([&] { disk.blocked = true; });
  const auto client = arrives(request("order-1"));
  EXPECT_FALSE(client->signal.look([&] { return !client->sends.empty(); }));
  EXPECT_EQ(rows(), 0U);
  EXPECT_TRUE(client->heard_nothing());
  disk.signal.change([&] { disk.blocked = false; });
  const LiveSend send = client->sent();
  EXPECT_EQ(send.place, A);
  EXPECT_EQ(send.id, "order-1");
  EXPECT_EQ(rows(), 1U);
}

TEST_F(StartLedgerTest, A2xxSettlesItAndItsRowGoes) {
  open();
  const auto client = arrives(request());
  const LiveSend send = client->sent();
  EXPECT_EQ(send.id.size(), 32U);
  answers(send, 202);
  EXPECT_EQ(client->answered().what, What::relay);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  barrier();
  EXPECT_EQ(ledger->status().waiting, 0U);
  EXPECT_FALSE(ledger->may_hold(send.id));
  EXPECT_EQ(ledger->status().settled.front().second, 1U);
}

TEST_F(StartLedgerTest, AHundredThatComeTogetherShareAFewCommits) {
  open();
  disk.signal.change([&] { disk.blocked = true; });
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(arrives(request()));
  disk.signal.change([&] { disk.blocked = false; });
  std::set<std::string> ids;
  for (const auto& client : clients) ids.insert(client->sent().id);
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_LE(disk.signal.look([&] { return disk.synced; }), 5U);
}

TEST_F(StartLedgerTest, ADiskThatRefusesStopsNewStartsAndNothingIsSent) {
  open();
  disk.signal.change([&] { disk.full = true; });
  const auto first = arrives(request("order-1"));
  EXPECT_EQ(first->answered().what, What::not_run);
  EXPECT_EQ(first->answered().why, NotRunWhy::disk);
  EXPECT_TRUE(first->sends.empty());
  barrier();
  EXPECT_FALSE(ledger->status().disk_ok);
  EXPECT_NE(ledger->status().disk_message.find("no space"), std::string::npos);
  EXPECT_EQ(arrives(request("order-2"))->answered().why, NotRunWhy::disk);
  EXPECT_EQ(ledger->status().waiting, 0U);
  disk.signal.change([&] { disk.full = false; });
  // The writer tries again after a second of real time.
  std::shared_ptr<Client> later;
  EXPECT_TRUE(news_signal.look([&] { return news.size() == 1; }));
  const auto deadline = std::chrono::steady_clock::now() + long_enough;
  while (std::chrono::steady_clock::now() < deadline) {
    later = arrives(request("order-3"));
    EXPECT_TRUE(
        later->signal.wait([&] { return !later->sends.empty() || !later->answers.empty(); }));
    if (!later->sends.empty()) break;
    std::promise<void> a_moment;
    a_moment.get_future().wait_for(20ms);
  }
  EXPECT_EQ(later->sent().place, A);
}

TEST_F(StartLedgerTest, AConnectFailureGoesToTheNextEndpoint) {
  open();
  const auto client = arrives(request());
  ends(client->sent(), AttemptEnding::connect_failed);
  const LiveSend second = client->sent(2);
  EXPECT_EQ(second.place, B);
  EXPECT_EQ(second.attempt, 1U);
  answers(second, 202);
  EXPECT_EQ(client->answered().what, What::relay);
}

TEST_F(StartLedgerTest, AnUnknownOneIsAcceptedAfterAWhile) {
  open();
  hub.unanswered = true;
  const auto client = arrives(request("order-1"));
  client->sent();
  pass(9s);
  EXPECT_TRUE(client->answers.empty());
  pass(2s);
  EXPECT_EQ(client->answered().what, What::unconfirmed);
  EXPECT_EQ(client->answered().id, "order-1");
  EXPECT_TRUE(ledger->may_hold("order-1"));
  EXPECT_EQ(ledger->waiting_shown(), 1U);
  EXPECT_EQ(ledger->status().unknown, 1U);
  EXPECT_EQ(list(StartList::unknown).size(), 1U);

  // The frozen host thaws and answers on the kept connection.
  answers(client->sent(), 202);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_EQ(ledger->waiting_shown(), 0U);
  const auto known = directory->find("order-1", clock.now().wall.time_since_epoch().count());
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->place, A);
  EXPECT_EQ(known->function, "Ship");
}

TEST_F(StartLedgerTest, AnEndpointThatTurnsBadMakesItsStartsUnconfirmedAtOnce) {
  open();
  hub.unanswered = true;
  const auto client = arrives(request());
  client->sent();
  clock.ms += 100;
  degrade(A);
  EXPECT_EQ(client->answered().what, What::unconfirmed);
}

TEST_F(StartLedgerTest, AStartThatTheHubHasIsFoundAndTheDirectoryLearns) {
  open();
  const auto client = arrives(request("order-1"));
  client->sent();
  hub.signal.change([&] { hub.instances[{A, "order-1"}] = clock.now().wall + 1s; });
  pass(11s);
  // Found by the look-up that the doubt began, or by the one after it.
  const What what = client->answered().what;
  EXPECT_TRUE(what == What::accepted || what == What::unconfirmed);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_TRUE(directory->find("order-1", clock.now().wall.time_since_epoch().count()).has_value());
}

TEST_F(StartLedgerTest, ProvenAbsentItIsReplayedElsewhereUnderTheSameId) {
  open();
  const auto client = arrives(request("order-1", "the body"));
  ends(client->sent(), AttemptEnding::peer_reset);
  degrade(A);
  EXPECT_EQ(client->answered().what, What::unconfirmed);
  recover(A);
  clock.ms += 100;
  pass(20s);
  ASSERT_TRUE(hub.got_jobs(1));
  EXPECT_EQ(hub.jobs[0].id, "order-1");
  EXPECT_EQ(hub.jobs[0].function, "Ship");
  EXPECT_EQ(*hub.jobs[0].body, "the body");
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_EQ(ledger->status().replays, 1U);
  EXPECT_EQ(client->answers.size(), 1U);
}

TEST_F(StartLedgerTest, ARepeatedKeyWaitsForTheFirstAnswerAndGetsItLaterToo) {
  open();
  StartRequest start = request();
  start.key_scope = "scope-1";
  const auto first = arrives(start);
  const LiveSend send = first->sent();
  EXPECT_EQ(send.id.size(), 32U);
  const auto second = arrives(start);
  barrier();
  EXPECT_TRUE(second->heard_nothing());
  answers(send, 202);
  EXPECT_EQ(first->answered().what, What::relay);
  EXPECT_EQ(second->answered().what, What::accepted);
  EXPECT_TRUE(second->answered().repeat);
  EXPECT_EQ(second->answered().id, send.id);
  EXPECT_EQ(second->answered().place, A);

  EXPECT_TRUE(comes_true([&] { return list().empty(); })) << "it left memory";
  EXPECT_EQ(rows(), 1U) << "but not the disk";
  const auto third = arrives(start);
  EXPECT_EQ(third->answered().what, What::accepted);
  EXPECT_EQ(third->answered().id, send.id);
  EXPECT_TRUE(third->answered().repeat);
  StartRequest other = request({}, "another body");
  other.key_scope = "scope-1";
  EXPECT_EQ(arrives(other)->answered().what, What::other_body);
  EXPECT_EQ(ledger->status().joined, 1U);
  EXPECT_EQ(ledger->status().stored_answers, 1U);

  close();
  open();
  EXPECT_EQ(arrives(start)->answered().id, send.id) << "after a restart too";
}

TEST_F(StartLedgerTest, AnAsIsStarterGetsTheStoredAnswer) {
  open();
  StartRequest start = request();
  start.via = config::StartVia::as_is;
  start.key_scope = "scope-1";
  const auto first = arrives(start);
  EXPECT_EQ(first->sent().id, "");
  const auto answer =
      std::make_shared<const StoredAnswer>(StoredAnswer{200, "text/plain", "all is well"});
  answers(first->sent(), 200, answer);
  EXPECT_EQ(first->answered().what, What::relay);
  EXPECT_TRUE(comes_true([&] { return list().empty(); }));
  const auto second = arrives(start);
  EXPECT_EQ(second->answered().what, What::stored);
  ASSERT_NE(second->answered().stored, nullptr);
  EXPECT_EQ(*second->answered().stored, *answer);
}

TEST_F(StartLedgerTest, ARefusedKeyStartsAfresh) {
  open();
  StartRequest start = request();
  start.key_scope = "scope-1";
  const auto first = arrives(start);
  const auto joined = arrives(start);
  const auto answer = std::make_shared<const StoredAnswer>(StoredAnswer{400, "text/plain", "no"});
  const LiveSend send = first->sent();
  answers(send, 400, answer);
  EXPECT_EQ(first->answered().what, What::relay);
  EXPECT_EQ(joined->answered().what, What::stored);
  EXPECT_EQ(joined->answered().stored->status, 400);
  EXPECT_EQ(arrives(start)->sent().id, send.id) << "the id is the key's";
}

TEST_F(StartLedgerTest, AnOpenIdIsJoinedByTheSameBodyAndDeniedToAnother) {
  open();
  const auto first = arrives(request("order-1", "one"));
  const LiveSend send = first->sent();
  const auto same = arrives(request("order-1", "one"));
  EXPECT_EQ(arrives(request("order-1", "other"))->answered().what, What::id_in_use);
  answers(send, 202);
  EXPECT_EQ(same->answered().what, What::accepted);
  EXPECT_EQ(arrives(request("order-1", "other"))->sent().id, "order-1") << "finished: again";
}

TEST_F(StartLedgerTest, AnIdThatLivesInAnotherRegionIsAskedForThere) {
  open();
  Instance there;
  there.place = B;
  there.status = LastStatus::running;
  const std::int64_t now = clock.now().wall.time_since_epoch().count();
  for (const char* id : {"one", "two", "three"}) directory->learn(id, there, now);
  const auto first = arrives(request("one"));
  const auto second = arrives(request("one"));
  barrier();
  EXPECT_TRUE(first->heard_nothing());
  EXPECT_TRUE(second->heard_nothing());
  hub.says(HubSays::alive);
  EXPECT_EQ(first->answered().what, What::id_elsewhere);
  EXPECT_EQ(first->answered().place, B);
  EXPECT_EQ(second->answered().what, What::id_elsewhere);
  EXPECT_EQ(hub.asked, 1U);

  const auto third = arrives(request("two"));
  const auto fourth = arrives(request("two"));
  hub.says(HubSays::finished);
  EXPECT_EQ(third->sent().place, A);
  barrier();
  EXPECT_TRUE(fourth->heard_nothing()) << "it joined";
  answers(third->sent(), 202);
  EXPECT_EQ(fourth->answered().what, What::accepted);

  const auto fifth = arrives(request("three"));
  const auto gone = arrives(request("three"));
  ledger->client_left_early(gone);
  pass(6s);
  EXPECT_EQ(fifth->answered().what, What::id_elsewhere) << "it ran when last seen";
  EXPECT_TRUE(gone->heard_nothing());
  EXPECT_EQ(ledger->status().waiting, 0U);
}

TEST_F(StartLedgerTest, QueuedStartsGoOutInOrderOneAfterTheOther) {
  settings.durable.ledger.queue_starts = true;
  open();
  degrade(A);
  degrade(B);
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) {
    StartRequest start = request("order-" + std::to_string(1000 + i));
    start.first = no_place;
    clients.push_back(arrives(start));
  }
  for (const auto& client : clients) EXPECT_EQ(client->answered().what, What::queued);
  EXPECT_EQ(list(StartList::queued).size(), 200U);
  hub.hold = true;
  clock.ms += 1000;
  recover(B);
  ASSERT_TRUE(hub.got_jobs(1));
  barrier();
  EXPECT_EQ(ledger->status().in_flight, 1U) << "a kill would put all of them in doubt";
  EXPECT_EQ(ledger->status().queued, 199U);
  for (std::size_t n = 1; n <= 200; ++n) {
    ASSERT_TRUE(hub.got_jobs(n));
    hub.let_one_go();
  }
  EXPECT_EQ(hub.most_out, 1U);
  for (std::size_t i = 1; i < 200; ++i) EXPECT_LT(hub.jobs[i - 1].id, hub.jobs[i].id);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
}

TEST_F(StartLedgerTest, AStrangerSharesNobodysStart) {
  open();
  StartRequest own = request("order-1", "one");
  own.credential = 7;
  const auto first = arrives(own);
  const LiveSend send = first->sent();
  StartRequest strange = request("order-1", "one");
  strange.may_use_keys = false;
  EXPECT_EQ(arrives(strange)->answered().what, What::id_in_use);
  strange.credential = 7;  // the same key of the app
  const auto same = arrives(strange);
  answers(send, 202);
  EXPECT_EQ(same->answered().what, What::accepted);
}

TEST_F(StartLedgerTest, StartsThatNobodyCanResolveLeaveRoomForOthers) {
  settings.durable.ledger.max_waiting = 3;
  open();
  for (int i = 0; i < 10; ++i) {
    StartRequest start = request();
    start.via = config::StartVia::as_is;
    const auto client = arrives(start);
    answers(client->sent(), 500);
    EXPECT_EQ(client->answered().what, What::unknown) << i;
  }
  EXPECT_EQ(list(StartList::unknown).size(), 10U);
  arrives(request("order-1"))->sent();
}

TEST_F(StartLedgerTest, CapsTurnNewStartsAwayButNotRepeats) {
  settings.durable.ledger.max_waiting = 2;
  settings.durable.ledger.max_doubtful = 1;
  open();
  const auto first = arrives(request("one"));
  const auto second = arrives(request("two"));
  first->sent();
  second->sent();
  EXPECT_EQ(arrives(request("three"))->answered().why, NotRunWhy::crowded);
  const auto joins = arrives(request("one"));
  barrier();
  EXPECT_TRUE(joins->heard_nothing());
  answers(first->sent(), 202);
  first->answered();
  EXPECT_TRUE(ledger->keep_connection());
  EXPECT_FALSE(ledger->keep_connection());
  EXPECT_EQ(arrives(request("three"))->answered().why, NotRunWhy::crowded);
  ledger->kept_connection_ended();
  arrives(request("three"))->sent();
  EXPECT_EQ(ledger->status().turned_away, 2U);
}

TEST_F(StartLedgerTest, AClientThatLeavesBeforeTheSendIsNotSentFor) {
  open();
  disk.signal.change([&] { disk.blocked = true; });
  const auto before = arrives(request("order-0"));
  ASSERT_TRUE(disk.signal.wait([&] { return disk.waiting; }));
  const auto assigned = arrives(request());
  const auto own_id = arrives(request("order-1"));
  ledger->client_left_early(assigned);
  ledger->client_left_early(own_id);
  disk.signal.change([&] { disk.blocked = false; });
  before->sent();
  // A client's own id is somebody's intent: it is carried out, without the client.
  ASSERT_TRUE(hub.got_jobs(1));
  EXPECT_TRUE(comes_true([&] { return rows() == 1; }));
  EXPECT_EQ(hub.jobs.size(), 1U);
  EXPECT_EQ(hub.jobs[0].id, "order-1");
  EXPECT_TRUE(assigned->heard_nothing());
  EXPECT_TRUE(own_id->heard_nothing());
}

TEST_F(StartLedgerTest, ASendThatCrossesItsClientsLeavingComesToNothing) {
  open();
  const auto client = arrives(request());
  const LiveSend send = client->sent();
  ledger->client_left_early(client);
  ends(send, AttemptEnding::nothing_sent);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_TRUE(hub.jobs.empty());
  EXPECT_TRUE(client->answers.empty());
}

TEST_F(StartLedgerTest, AClientThatLeavesAfterTheSendLeavesAnOpenStart) {
  open();
  const auto client = arrives(request());
  const LiveSend send = client->sent();
  ledger->client_left(send.number, client.get());
  barrier();
  EXPECT_EQ(ledger->status().waiting, 1U);
  answers(send, 202);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_TRUE(client->answers.empty());
}

TEST_F(StartLedgerTest, TenThousandAtOnceAllGetThrough) {
  settings.durable.ledger.max_waiting = 20'000;
  open();
  std::vector<std::shared_ptr<Client>> clients;
  clients.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) clients.push_back(arrives(request()));
  for (const auto& client : clients) answers(client->sent(), 202);
  for (const auto& client : clients) EXPECT_EQ(client->answered().what, What::relay);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  EXPECT_EQ(ledger->status().arrived, 10'000U);
  EXPECT_LT(ledger->status().commits, 5'000U);
  EXPECT_EQ(ledger->status().committed_starts, 10'000U);
}

TEST_F(StartLedgerTest, InMemoryItWorksWithoutADisk) {
  directory = std::make_unique<InstanceDirectory>(DirectoryOptions{}, 0);
  directory->place_of("weu");
  directory->place_of("neu");
  StartLedger::Options how;
  how.mode = config::LedgerMode::durable;
  EXPECT_THROW((StartLedger{*directory, hub, how}), std::logic_error);
  how.mode = config::LedgerMode::memory;
  how.now = [this] { return clock.now(); };
  settings.durable.ledger.mode = config::LedgerMode::memory;
  ledger = std::make_unique<StartLedger>(*directory, hub, how);
  publish();
  StartRequest start = request();
  start.key_scope = "scope-1";
  const auto client = arrives(start);
  answers(client->sent(), 202);
  EXPECT_EQ(client->answered().what, What::relay);
  EXPECT_TRUE(comes_true([&] { return list().empty(); }));
  EXPECT_EQ(arrives(start)->answered().what, What::accepted);
}

}  // namespace
}  // namespace start_ledger_test
