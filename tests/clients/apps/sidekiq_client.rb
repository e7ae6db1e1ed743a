# What an application and Sidekiq's web page ask, as one verb each; the answer is a line of JSON.
require 'json'
require 'sidekiq/api'
require_relative 'sidekiq_jobs'

def stats
  s = Sidekiq::Stats.new
  { processed: s.processed, failed: s.failed, enqueued: s.enqueued, scheduled: s.scheduled_size,
    retries: s.retry_size, dead: s.dead_size, processes: s.processes_size, queues: s.queues }
end

answer =
  case ARGV[0]
  when 'enqueue'
    Adder.perform_async(1, 2)
    Sidekiq::Client.push_bulk('class' => Adder, 'args' => (1..50).map { |i| [i, 0] })
    Urgent.perform_async('now')
    Urgent.perform_in(1, 'soon')
    far = Urgent.perform_in(3600, 'far')
    Stumbler.perform_async('a')
    Hopeless.perform_async
    far
  when 'stats' then stats
  when 'sets'
    job = Sidekiq::ScheduledSet.new.first
    { scheduled: Sidekiq::ScheduledSet.new.map { |j| [j.klass, j.args] },
      found: Sidekiq::ScheduledSet.new.find_job(job.jid)&.jid == job.jid,
      scanned: Sidekiq::ScheduledSet.new.scan('*far*').map(&:jid),
      dead: Sidekiq::DeadSet.new.map { |j| [j.klass, j['error_message']] },
      history: Sidekiq::Stats::History.new(1).processed.values.sum,
      latency: Sidekiq::Queue.new('default').latency,
      processes: Sidekiq::ProcessSet.new.map { |p| [p['concurrency'], p['queues'].sort, p['busy']] } }
  when 'administer'
    Adder.perform_async(0, 0)
    deleted = Sidekiq::Queue.new('default').first.delete
    moved = Sidekiq::ScheduledSet.new.first.add_to_queue
    retried = Sidekiq::DeadSet.new.first.retry
    left = stats
    Sidekiq::Queue.all.each(&:clear)
    { deleted: deleted, moved: moved, retried: retried ? true : false, left: left }
  when 'retry'
    waiting = Sidekiq::RetrySet.new.map { |j| [j.klass, j.args, j['error_message'], j['retry_count']] }
    Sidekiq::RetrySet.new.retry_all
    waiting
  when 'quiet' then Sidekiq::ProcessSet.new.each(&:quiet!).to_a.size
  end
puts JSON.generate([answer])
