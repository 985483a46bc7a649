// What waits in the ledger: polls, terminates, restarts, late refusals, operators.
#include "start_ledger_world.hpp"

namespace start_ledger_test {
namespace {

class Waiting : public StartLedgerTest {
 protected:
  // A start of which nobody knows, its client told 202.
  LiveSend unconfirmed(const std::string& id, std::shared_ptr<Client>* who = nullptr) {
    const auto client = arrives(request(id, "the body"));
    const LiveSend send = client->sent();
    pass(11s);
    EXPECT_EQ(client->answered().what, What::unconfirmed);
    if (who != nullptr) *who = client;
    return send;
  }
  // One that waits for an endpoint.
  void queued(const std::string& id) {
    StartRequest start = request(id);
    start.first = no_place;
    EXPECT_EQ(arrives(start)->answered().what, What::queued);
  }
  void all_bad() {
    degrade(A);
    degrade(B);
  }
};

TEST_F(Waiting, APollFindsIt) {
  open();
  unconfirmed("order-1");
  hub.signal.change([&] { hub.instances[{A, "order-1"}] = clock.now().wall; });
  const WaitingReply reply = ask(WaitingAction::poll, "order-1");
  EXPECT_EQ(reply.what, Reply::runs);
  EXPECT_EQ(reply.place, A);
  EXPECT_TRUE(comes_true([&] { return !ledger->may_hold("order-1"); }));
}

TEST_F(Waiting, A404IsShownAsPending) {
  open();
  unconfirmed("order-1");
  const std::size_t before = hub.signal.look([&] { return hub.looks; });
  const WaitingReply reply = ask(WaitingAction::poll, "order-1");
  EXPECT_EQ(reply.what, Reply::pending);
  EXPECT_EQ(reply.function, "Ship");
  EXPECT_EQ(reply.told, Told::unconfirmed);
  EXPECT_GT(hub.signal.look([&] { return hub.looks; }), before);
  EXPECT_EQ(ask(WaitingAction::other, "order-1").what, Reply::refused);
  EXPECT_EQ(ask(WaitingAction::purge, "order-1").what, Reply::refused);
  EXPECT_EQ(ask(WaitingAction::poll, "order-2").what, Reply::not_ours);
}

TEST_F(Waiting, APollDoesNotWaitForAHubThatHangs) {
  open();
  hub.signal.change([&] { hub.silent = true; });
  unconfirmed("order-1");
  EXPECT_EQ(ask(WaitingAction::poll, "order-1").what, Reply::pending);
}

TEST_F(Waiting, NobodyElsesCredentialSeesOrEndsIt) {
  open();
  StartRequest start = request("order-1");
  start.credential = 7;
  const auto client = arrives(start);
  client->sent();
  pass(11s);
  EXPECT_EQ(ask(WaitingAction::poll, "order-1", 8).what, Reply::not_ours);
  EXPECT_EQ(ask(WaitingAction::terminate, "order-1", 0).what, Reply::not_ours);
  EXPECT_EQ(ask(WaitingAction::poll, "order-1", 7).what, Reply::pending);
}

TEST_F(Waiting, AQueuedStartIsTerminated) {
  settings.durable.ledger.queue_starts = true;
  open();
  all_bad();
  queued("order-1");
  EXPECT_EQ(ask(WaitingAction::poll, "order-1").what, Reply::pending);
  EXPECT_EQ(ask(WaitingAction::terminate, "order-1").what, Reply::taken);
  EXPECT_EQ(ask(WaitingAction::poll, "order-1").what, Reply::terminated);
  recover(A);
  pass(30s);
  EXPECT_TRUE(hub.jobs.empty());
  EXPECT_EQ(ledger->waiting_shown(), 1U);
  EXPECT_EQ(ask(WaitingAction::purge, "order-1").what, Reply::taken);
  EXPECT_EQ(ask(WaitingAction::poll, "order-1").what, Reply::not_ours);
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
}

TEST_F(Waiting, ATerminateThatCannotBeWrittenIsSaidSo) {
  open();
  unconfirmed("order-1");
  disk.signal.change([&] { disk.full = true; });
  EXPECT_EQ(ask(WaitingAction::terminate, "order-1").what, Reply::disk);
}

TEST_F(Waiting, ATerminateOfAnUnknownStartIsSentWhenItAppears) {
  open();
  const LiveSend send = unconfirmed("order-1");
  EXPECT_EQ(ask(WaitingAction::terminate, "order-1").what, Reply::taken);
  barrier();
  EXPECT_TRUE(hub.terminated.empty());
  answers(send, 202);
  ASSERT_TRUE(hub.signal.wait([&] { return !hub.terminated.empty(); }));
  EXPECT_EQ(hub.terminated[0], std::make_pair(A, std::string{"order-1"}));
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
}

TEST_F(Waiting, ALateRefusalShowsAsFailedAlsoAfterARestart) {
  open();
  const LiveSend send = unconfirmed("order-1");
  const auto answer = std::make_shared<const StoredAnswer>(StoredAnswer{400, "text/plain", "bad"});
  answers(send, 400, answer);
  barrier();
  WaitingReply reply = ask(WaitingAction::poll, "order-1");
  EXPECT_EQ(reply.what, Reply::failed);
  ASSERT_NE(reply.stored, nullptr);
  EXPECT_EQ(*reply.stored, *answer);
  EXPECT_EQ(list(StartList::listed).size(), 1U);
  EXPECT_EQ(list(StartList::listed)[0].listed, Listed::late_refusal);
  EXPECT_FALSE(list(StartList::listed)[0].can_resubmit);
  EXPECT_TRUE(news_signal.look([&] { return news.size() == 1; }));
  close();
  open();
  reply = ask(WaitingAction::poll, "order-1");
  EXPECT_EQ(reply.what, Reply::failed);
  ASSERT_NE(reply.stored, nullptr);
  EXPECT_EQ(reply.stored->status, 400);
}

TEST_F(Waiting, ATerminatedStartIsStillShownAfterARestart) {
  settings.durable.ledger.queue_starts = true;
  open();
  all_bad();
  queued("order-1");
  EXPECT_EQ(ask(WaitingAction::terminate, "order-1").what, Reply::taken);
  close();
  open();
  EXPECT_EQ(ask(WaitingAction::poll, "order-1").what, Reply::terminated);
}

TEST_F(Waiting, SettledOnesGoWithTheirRetention) {
  settings.durable.ledger.queue_starts = true;
  settings.durable.ledger.retention = 1h;
  open();
  all_bad();
  queued("order-1");
  ask(WaitingAction::terminate, "order-1");
  pass(10s);
  EXPECT_TRUE(ledger->may_hold("order-1"));
  clock.ms += Millis{1h}.count();
  EXPECT_TRUE(comes_true([&] { return !ledger->may_hold("order-1") && rows() == 0; }));
}

TEST_F(Waiting, AfterAKillOpenStartsAreResolved) {
  open();
  const auto found = arrives(request("found")), absent = arrives(request("absent"));
  found->sent();
  absent->sent();
  die();
  EXPECT_EQ(rows(), 2U);
  clock.ms += 30'000;
  hub.instances[{A, "found"}] = clock.now().wall - 20s;
  settings.durable.ledger.settle_after = 5s;
  open();
  EXPECT_EQ(ledger->status().taken_over, 2U);
  views[A].pass_opened = views[A].passed = clock.now().steady + 100ms;
  pass(30s);
  ASSERT_TRUE(hub.got_jobs(1)) << "a passed probe, then two 404s: it never ran";
  EXPECT_EQ(hub.jobs[0].id, "absent");
  EXPECT_EQ(*hub.jobs[0].body, "{}");
  EXPECT_TRUE(comes_true([&] { return ledger->status().waiting == 0; }));
  EXPECT_EQ(hub.jobs.size(), 1U);
  EXPECT_TRUE(found->answers.empty());
}

TEST_F(Waiting, AfterAKillQueuedStartsGoOutInOrder) {
  settings.durable.ledger.queue_starts = true;
  open();
  all_bad();
  for (int i = 0; i < 100; ++i) queued("order-" + std::to_string(1000 + i));
  die();
  recover_views();
  hub.hold = true;
  open();
  ASSERT_TRUE(hub.got_jobs(1));
  barrier();
  EXPECT_EQ(ledger->status().queued, 99U);
  hub.signal.change([&] { hub.hold = false; });
  while (hub.signal.look([&] { return !hub.held.empty(); })) hub.let_one_go();
  EXPECT_TRUE(comes_true([&] { return rows() == 0; }));
  ASSERT_EQ(hub.jobs.size(), 100U);
  for (std::size_t i = 1; i < 100; ++i) EXPECT_LT(hub.jobs[i - 1].id, hub.jobs[i].id);
}

TEST_F(Waiting, StopSettlesWhatWasNotSentAndKeepsTheRest) {
  open();
  const auto sent = arrives(request("order-1"));
  sent->sent();
  disk.signal.change([&] { disk.blocked = true; });
  const auto late = arrives(request("order-2"));
  auto stopped = std::async(std::launch::async, [this] { ledger->stop(); });
  disk.signal.change([&] { disk.blocked = false; });
  ASSERT_EQ(stopped.wait_for(long_enough), std::future_status::ready);
  EXPECT_TRUE(sent->answers.empty());
  EXPECT_TRUE(late->answers.empty());
  EXPECT_LE(rows(), 2U);
  EXPECT_GE(rows(), 1U);
}

TEST_F(Waiting, AFrozenProcessReadsBeforeItJudges) {
  open();
  hub.unanswered = true;
  const auto client = arrives(request("order-1"));
  const LiveSend send = client->sent();
  clock.ms += 60'000;
  publish();
  barrier();
  EXPECT_TRUE(client->answers.empty()) << "the workers have not looked at their sockets yet";
  answers(send, 202);
  EXPECT_EQ(client->answered().what, What::relay);
}

TEST_F(Waiting, AnOperatorResubmitsWhatNobodyKnows) {
  open();
  hub.unanswered = true;
  unconfirmed("order-1");
  unconfirmed("order-2");
  degrade(A);
  EXPECT_FALSE(resubmit("order-9").done);
  hub.unanswered = false;
  const OperatorResult result = resubmit("order-1");
  EXPECT_TRUE(result.done) << result.message;
  ASSERT_TRUE(hub.got_jobs(1));
  EXPECT_EQ(hub.jobs[0].place, B);
  EXPECT_EQ(*hub.jobs[0].body, "the body");
  EXPECT_TRUE(comes_true([&] { return list(StartList::possible_duplicates).size() == 1; }));
  EXPECT_TRUE(
      comes_true([&] { return disk.signal.look([&] { return disk.actions.size() == 1; }); }));
  EXPECT_EQ(disk.actions[0].who, "ops");
  EXPECT_EQ(disk.actions[0].text, "order-1");
  EXPECT_EQ(ledger->status().resubmitted, 1U);
}

TEST_F(Waiting, ForgottenIsForgotten) {
  open();
  const auto waits = arrives(request("order-0"));
  waits->sent();
  EXPECT_FALSE(forget("order-0").done) << "its client waits";
  unconfirmed("order-1");
  const std::string number = std::to_string(list(StartList::unknown).back().number);
  EXPECT_TRUE(forget(number).done);
  barrier();
  EXPECT_FALSE(ledger->may_hold("order-1"));
  EXPECT_TRUE(comes_true([&] { return rows() == 1; }));
  EXPECT_FALSE(forget("order-1").done);
}

TEST_F(Waiting, AfterAStorageFailoverTheLostOnesAreListedAndCanBeStartedAgain) {
  settings.durable.task_hub = config::TaskHub::geo_replicated;
  open();
  EXPECT_EQ(rows(), 0U);
  for (const char* id : {"kept", "lost-1", "lost-2"}) {
    const auto client = arrives(request(id, "body of " + std::string{id}));
    answers(client->sent(), 202);
    client->answered();
  }
  EXPECT_TRUE(comes_true([&] { return list().empty() && rows() == 3; }));
  hub.signal.change([&] { hub.instances[{A, "kept"}] = clock.now().wall; });
  std::promise<OperatorResult> done;
  ledger->storage_failed_over(clock.now().wall - 60s, "ops",
                              [&done](auto result) { done.set_value(std::move(result)); });
  const OperatorResult result = done.get_future().get();
  EXPECT_TRUE(result.done);
  EXPECT_NE(result.message.find("3 starts were looked up, 2 are lost"), std::string::npos)
      << result.message;
  const auto lines = list(StartList::listed);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].listed, Listed::lost);
  EXPECT_TRUE(lines[0].can_resubmit);
  EXPECT_EQ(ledger->status().lost, 2U);
  EXPECT_TRUE(comes_true([&] { return true; }));
  EXPECT_TRUE(resubmit("lost-1").done);
  pass(2s);
  ASSERT_TRUE(hub.got_jobs(1));
  EXPECT_EQ(hub.jobs[0].id, "lost-1");
  EXPECT_EQ(*hub.jobs[0].body, "body of lost-1");
}

TEST_F(Waiting, AStorageFailoverMeansNothingToOtherHubs) {
  open();
  std::promise<OperatorResult> done;
  ledger->storage_failed_over(clock.now().wall, "ops",
                              [&done](auto result) { done.set_value(std::move(result)); });
  EXPECT_FALSE(done.get_future().get().done);
}

TEST_F(Waiting, AListShowsWhatClientsWereTold202For) {
  settings.durable.ledger.queue_starts = true;
  open();
  all_bad();
  for (const char* id : {"one", "two", "three"}) queued(id);
  std::promise<std::vector<WaitingReply>> done;
  ledger->list_waiting(2, [&done](auto replies) { done.set_value(std::move(replies)); });
  const auto replies = done.get_future().get();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].id, "one");
  EXPECT_EQ(replies[1].id, "two");
  EXPECT_EQ(ledger->waiting_shown(), 3U);
}

}  // namespace
}  // namespace start_ledger_test
