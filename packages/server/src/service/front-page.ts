// The page that a browser gets at `/`: who is here, and where to go.

export interface FrontPage {
  message: string;
  version: string;
  store: { ok: boolean; version: string; detail: string };
}

const LINKS: readonly (readonly [string, string])[] = [
  ['/docs', 'The API, to read and to try'],
  ['/openapi.json', 'The API as an OpenAPI document'],
  ['/v1/functions', 'Functions'],
  ['/v1/tasks', 'Tasks'],
  ['/v1/workers', 'Workers'],
  ['/v1/stats', 'Counts'],
  ['/metrics', 'Metrics for Prometheus'],
  ['/sdk/python/', 'The Python SDK, for pip'],
];

export function frontPageHtml({ message, version, store }: FrontPage): string {
  const links = LINKS.map(([href, text]) => `<li><a href="${href}">${href}</a> ${text}</li>`).join('\n');
  const health = store.ok ? escape(store.version) : `away: ${escape(store.detail)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>MPCSFaaS</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>MPCSFaaS</h1>
<p>${escape(message)}, version ${escape(version)}. Store: ${health}.</p>
<ul>
${links}
</ul>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
