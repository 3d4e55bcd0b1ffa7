import { Drop } from "../abi";
import { Action, actionOf, decide, decideCurrent, detailOf, targetOf } from "../decide";
import { RedirectKind } from "../redirect";

function expectDrop(decision: u32, reason: u32): void {
  expect<u32>(actionOf(decision)).toBe(Action.DROP);
  expect<u32>(detailOf(decision)).toBe(reason);
}

function expectRedirect(decision: u32, kind: u32, target: u32): void {
  expect<u32>(actionOf(decision)).toBe(Action.REDIRECT);
  expect<u32>(detailOf(decision)).toBe(kind);
  expect<u32>(targetOf(decision)).toBe(target);
}

describe("the rule: no owner", () => {
  it("drops when the bucket has no owner", () => {
    expectDrop(decide(RedirectKind.DIRECT, 0, -1, 0, 1, true, true), Drop.NO_ASSIGNMENT);
  });
});

describe("the rule: copy", () => {
  it("delivers, known or not, whatever the generation", () => {
    expect<u32>(actionOf(decide(RedirectKind.COPY, 5, -1, 2, 1, false, false))).toBe(Action.DELIVER);
  });
});

describe("the rule: final", () => {
  it("delivers a known flow, also of another generation and at a previous owner", () => {
    expect<u32>(actionOf(decide(RedirectKind.FINAL, 3, 2, 3, 1, true, false))).toBe(Action.RECORD);
  });
  it("delivers and records an unknown flow at the current owner of the same generation", () => {
    expect<u32>(actionOf(decide(RedirectKind.FINAL, 0, 0, 2, 1, false, false))).toBe(Action.RECORD);
  });
  it("drops an unknown flow of another generation", () => {
    expectDrop(decide(RedirectKind.FINAL, -1, 0, 2, 1, false, true), Drop.STALE_FINAL);
    expectDrop(decide(RedirectKind.FINAL, 1, 0, 2, 1, false, true), Drop.STALE_FINAL);
  });
  it("drops an unknown flow at an owner that is not current, and never redirects it", () => {
    expectDrop(decide(RedirectKind.FINAL, 0, 1, 2, 1, false, true), Drop.STALE_FINAL);
    expectDrop(decide(RedirectKind.FINAL, 0, -1, 2, 1, false, true), Drop.STALE_FINAL);
  });
});

describe("the rule: known", () => {
  it("delivers a direct frame at any place in the history", () => {
    expect<u32>(actionOf(decide(RedirectKind.DIRECT, 0, 0, 2, 1, true, false))).toBe(Action.DELIVER);
    expect<u32>(actionOf(decide(RedirectKind.DIRECT, 0, 3, 4, 1, true, false))).toBe(Action.DELIVER);
    expect<u32>(actionOf(decide(RedirectKind.DIRECT, 0, -1, 1, 1, true, false))).toBe(Action.DELIVER);
  });
  it("delivers a hop of another generation", () => {
    expect<u32>(actionOf(decide(RedirectKind.HOP1, -1, 1, 2, 1, true, false))).toBe(Action.DELIVER);
  });
  it("delivers a resteered frame at a previous owner", () => {
    expect<u32>(actionOf(decide(RedirectKind.RESTEER, 1, 1, 2, 1, true, false))).toBe(Action.DELIVER);
  });
});

describe("the rule: hop", () => {
  it("drops an unknown flow of an older generation", () => {
    expectDrop(decide(RedirectKind.HOP1, -1, 1, 2, 1, false, true), Drop.STALE_HOP);
  });
  it("drops an unknown flow of a newer generation", () => {
    expectDrop(decide(RedirectKind.HOP1, 1, 1, 2, 1, false, true), Drop.STALE_HOP);
  });
  it("drops an unknown flow where the table is not complete", () => {
    expectDrop(decide(RedirectKind.HOP1, 0, 1, 2, 1, false, false), Drop.NOT_COMPLETE);
  });
  it("drops at an owner that is not in the history", () => {
    expectDrop(decide(RedirectKind.HOP1, 0, -1, 2, 1, false, true), Drop.NOT_IN_HISTORY);
  });
  it("hops from the first previous owner to the second", () => {
    expectRedirect(decide(RedirectKind.HOP1, 0, 1, 3, 1, false, true), RedirectKind.HOP2, 2);
  });
  it("hops from the second previous owner to the third", () => {
    expectRedirect(decide(RedirectKind.HOP2, 0, 2, 4, 1, false, true), RedirectKind.HOP3, 3);
  });
  it("goes back to the current owner as final after the first hop of two owners", () => {
    expectRedirect(decide(RedirectKind.HOP1, 0, 1, 2, 1, false, true), RedirectKind.FINAL, 0);
  });
  it("goes back to the current owner as final after the last hop of four owners", () => {
    expectRedirect(decide(RedirectKind.HOP3, 0, 3, 4, 1, false, true), RedirectKind.FINAL, 0);
  });
});

describe("the rule: resteer", () => {
  it("is dropped at an owner that is not current: never resteered twice", () => {
    expectDrop(decide(RedirectKind.RESTEER, 0, 1, 2, 1, false, true), Drop.STALE_RESTEER);
    expectDrop(decide(RedirectKind.RESTEER, 0, -1, 2, 1, false, true), Drop.STALE_RESTEER);
  });
  it("is dropped where the sender's generation is newer", () => {
    expectDrop(decide(RedirectKind.RESTEER, 1, 0, 1, 1, false, true), Drop.STALE_RESTEER);
  });
  it("of an older or the same generation is as direct at the only owner", () => {
    expect<u32>(actionOf(decide(RedirectKind.RESTEER, -1, 0, 1, 1, false, false))).toBe(Action.RECORD);
    expect<u32>(actionOf(decide(RedirectKind.RESTEER, 0, 0, 1, 1, false, false))).toBe(Action.RECORD);
  });
  it("is as direct at the current owner of a longer history", () => {
    expectRedirect(decide(RedirectKind.RESTEER, 0, 0, 2, 1, false, false), RedirectKind.HOP1, 1);
  });
});

describe("the rule: direct", () => {
  it("delivers and records at the only owner", () => {
    expect<u32>(actionOf(decide(RedirectKind.DIRECT, 0, 0, 1, 1, false, false))).toBe(Action.RECORD);
  });
  it("hops to the first previous owner from the current one", () => {
    expectRedirect(decide(RedirectKind.DIRECT, 0, 0, 2, 1, false, false), RedirectKind.HOP1, 1);
  });
  it("is dropped at a previous owner whose table is not complete", () => {
    expectDrop(decide(RedirectKind.DIRECT, 0, 1, 2, 1, false, false), Drop.NOT_COMPLETE);
  });
  it("is resteered by a previous owner whose table is complete", () => {
    expectRedirect(decide(RedirectKind.DIRECT, 0, 1, 2, 1, false, true), RedirectKind.RESTEER, 0);
  });
  it("is resteered by an owner that is not in the history, complete or not", () => {
    expectRedirect(decide(RedirectKind.DIRECT, 0, -1, 2, 1, false, false), RedirectKind.RESTEER, 0);
  });
});

describe("the rule: a tag of no known kind", () => {
  it("is dropped", () => {
    expectDrop(decide(7, 0, 0, 1, 1, false, true), Drop.BAD_TAG);
  });
});

describe("packets without a flow", () => {
  it("are delivered at the current owner", () => {
    expect<u32>(actionOf(decideCurrent(RedirectKind.DIRECT, 0, 0, 3))).toBe(Action.DELIVER);
    expect<u32>(actionOf(decideCurrent(RedirectKind.RESTEER, -1, 0, 3))).toBe(Action.DELIVER);
  });
  it("are resteered by any other", () => {
    expectRedirect(decideCurrent(RedirectKind.DIRECT, 0, 1, 3), RedirectKind.RESTEER, 0);
    expectRedirect(decideCurrent(RedirectKind.DIRECT, 0, -1, 3), RedirectKind.RESTEER, 0);
  });
  it("are never resteered twice, nor past a newer generation", () => {
    expectDrop(decideCurrent(RedirectKind.RESTEER, 0, 1, 2), Drop.STALE_RESTEER);
    expectDrop(decideCurrent(RedirectKind.RESTEER, 1, 0, 2), Drop.STALE_RESTEER);
  });
  it("are dropped with a hop's or a final's tag", () => {
    expectDrop(decideCurrent(RedirectKind.HOP1, 0, 1, 2), Drop.BAD_TAG);
    expectDrop(decideCurrent(RedirectKind.FINAL, 0, 0, 2), Drop.BAD_TAG);
  });
  it("are delivered as a copy", () => {
    expect<u32>(actionOf(decideCurrent(RedirectKind.COPY, 0, -1, 2))).toBe(Action.DELIVER);
  });
  it("are dropped when the bucket has no owner", () => {
    expectDrop(decideCurrent(RedirectKind.DIRECT, 0, -1, 0), Drop.NO_ASSIGNMENT);
  });
});
