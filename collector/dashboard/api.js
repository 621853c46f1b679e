/** What went wrong, in the collector's own words (RFC 9457), or status 0 where it did not answer at all. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail = "", request_id: requestId = "" }) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId;
  }
}

/** The one place that holds the addresses of the collector's routes. */
export const api = {
  site: (signal) => get("/v1/site", signal),
  segments: async (signal) => (await get("/v1/segments", signal)).segments ?? [],
  offers: async (signal) => (await get("/v1/offers", signal)).offers ?? [],
  report,
  signIn: (secretKey) => send("POST", "/v1/session", { secret_key: secretKey }),
  signOut: () => send("DELETE", "/v1/session"),
  live: () => new EventSource("/v1/live"),
};

/** A report with its rows as objects by column name: the order of the columns is the collector's own business. */
async function report(name, parameters, signal) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const answer = await get(`/v1/reports/${encodeURIComponent(name)}?${new URLSearchParams(given)}`, signal);
  const columns = answer.columns ?? [];
  return {
    units: Object.fromEntries(columns.map((column) => [column.name, column.unit ?? null])),
    rows: (answer.rows ?? []).map((row) => Object.fromEntries(columns.map((column, i) => [column.name, row[i]]))),
    notes: answer.notes ?? [],
  };
}

const get = (path, signal) => request(path, { signal });

// The header is the collector's proof that the write came from this page: a form on another site cannot set it.
const send = (method, path, body) =>
  request(path, {
    method,
    headers: { "X-Beckon": "1", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({});
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem({ code: "unknown", ...problem, status: response.status });
  }
  if (response.status === 204) return null;
  return response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: response.status, code: "bad_answer" });
  });
}
