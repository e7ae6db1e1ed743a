// What the facts of a node, a sentinel or a group mean: one of ok, warn, bad, unknown, and the words for it.
import { pauseWords } from './pause.js';
import { ago, bytes, lasting } from './text.js';

const QUIET_MS = 3000; // an answer that is older is shown with its age

export function nodeState(n) {
  if (!n.up) return ['bad', n.down_ms === undefined || n.down_ms === null ? 'down' : `down for ${lasting(n.down_ms)}`];
  if (n.info_age_ms === null || n.info_age_ms === undefined) return ['unknown', n.connected ? 'asked, no state yet' : 'not reached yet'];
  if (n.silent_ms > QUIET_MS) return ['warn', `silent for ${lasting(n.silent_ms)}`];
  if (n.role === 'leader') return n.says_role === 'follower' ? ['warn', 'up, and says that it follows'] : ['ok', 'up, takes writes'];
  if (n.says_role === 'leader') return ['warn', 'up, and says that it leads'];
  if (n.syncing) return ['warn', 'receiving a whole copy'];
  if (n.member === false) return ['warn', 'no member of the durable group'];
  if (n.in_sync === false) return ['warn', n.link_up ? 'not in sync yet' : 'not in sync, its link is down'];
  if (!n.link_up) return ['bad', 'link to the leader is down'];
  return ['ok', n.lag_bytes > 0 ? `${bytes(n.lag_bytes)} behind` : n.in_sync ? 'in sync' : 'in line with the leader'];
}

export function peerState(p) {
  if (!p.up) return ['bad', `not heard of, last ${ago(p.silent_ms)}`];
  return p.says_leader_down ? ['warn', 'up, says the leader is down'] : ['ok', 'up'];
}

const STEPS = {
  none: 'beginning', wait_start: 'votes are being asked', select_slave: 'a follower is being chosen',
  send_slaveof_noone: 'the chosen one is about to be told', wait_promotion: 'the new leader is taking over',
  reconf_slaves: 'the others are being sent to the new leader', stagger: 'the best placed sentinel begins', gather: 'the copies are asked where they stand',
  commit: 'it is with the voters', prepare: 'a ballot is prepared', handoff: 'the leader holds its writes', switch: 'it is with the voters',
};

export function groupState(g) {
  if (g.failing_over) return ['warn', `Failing over: ${STEPS[g.failover_state] || g.failover_state}`];
  const leader = g.nodes[0];
  if (g.durable ? !g.durable.serves : !leader.up) return ['bad', g.paused ? 'The leader is down, and failovers are paused' : 'The leader is down'];
  if (g.paused) return ['warn', `Paused ${pauseWords(g)}: nobody would take over`];
  if (!g.armed) return ['bad', `Not armed: ${g.not_armed_because}`];
  if (g.problems.some((p) => p.severity === 'critical')) return ['warn', 'Armed, with problems: a failover would work now'];
  return ['ok', 'Armed: a failover would work now'];
}

// Of a group as the list of all tells it, without its nodes.
export function briefState(g) {
  if (g.failing_over) return ['warn', 'failing over'];
  if (g.status !== 'ok') return ['bad', 'leader down'];
  if (g.paused) return ['warn', 'paused'];
  return g.armed ? ['ok', 'armed'] : ['bad', 'not armed'];
}

export const OUTCOMES = {
  done: ['ok', 'done'], running: ['warn', 'running'],
  done_for_timeout: ['warn', 'done, some followers late'], not_elected: ['warn', 'not elected here'],
  no_good_slave: ['bad', 'nobody to promote'], slave_timeout: ['bad', 'the chosen one did not take over'],
  master_timeout: ['bad', 'the leader took its writes back'], refused: ['bad', 'the leader refused'],
};
