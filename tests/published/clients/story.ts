// Report cases, upload evidence and page, with the client that openapi-ts generated.
// Takes the address of a Klarity and a photo. Prints the ids of the cases, as reported and as listed.
import { readFileSync } from 'node:fs';
import { client } from './klarity-client/client.gen';
import {
  casesList,
  casesReport,
  casesSingle,
  membersRegister,
  sessionsSignIn,
  uploadsAppend,
  uploadsCreate,
} from './klarity-client/sdk.gen';

const [url, path] = process.argv.slice(2);
const photo = new Blob([readFileSync(path)]);
const member = { pseudonym: 'Another generated client', passphrase: 'four plain words here' };
const SECONDS_TO_PUBLISH = 300;

async function signIn(): Promise<void> {
  client.setConfig({ baseUrl: url });
  await membersRegister({ body: member, throwOnError: true });
  const { data } = await sessionsSignIn({ body: member, throwOnError: true });
  client.setConfig({ auth: data.access_token });
}

async function upload(): Promise<string> {
  const created = await uploadsCreate({
    headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': photo.size },
    throwOnError: true,
  });
  const upload_id = created.response.headers.get('Location')!.split('/').pop()!;
  await uploadsAppend({
    path: { upload_id },
    headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': 0 },
    body: photo,
    bodySerializer: (body) => body,
    throwOnError: true,
  });
  return upload_id;
}

async function report(title: string, evidence: string): Promise<string> {
  const body = { title, story: 'They asked for money.', evidence: [evidence] };
  const { data } = await casesReport({ body, throwOnError: true });
  const until = Date.now() + SECONDS_TO_PUBLISH * 1000;
  while (!(await isPublic(data.case_id))) {
    if (Date.now() > until) throw new Error('the case was not published');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return data.case_id;
}

async function isPublic(case_id: string): Promise<boolean> {
  const { data } = await casesSingle({ path: { case_id } });
  return data?.status === 'published';
}

async function list(): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor: string | null } = { limit: 1, cursor };
    const { data, response } = await casesList({ query, throwOnError: true });
    found.push(...data.items.map((item) => item.case_id));
    const following: string | undefined = response.headers.get('Link')?.match(/<(.*)>/)?.[1];
    cursor = following ? new URL(following, url).searchParams.get('cursor') : null;
  } while (cursor);
  return found;
}

async function main(): Promise<void> {
  await signIn();
  const evidence = await upload();
  const reported = [await report('Paid once', evidence), await report('Paid twice', evidence)];
  console.log(JSON.stringify({ reported, listed: await list() }));
}

main().catch((problem) => {
  console.error(problem);
  process.exitCode = 1;
});
