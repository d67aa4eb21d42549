// What grpc-js, a client written by others, gets through the gateway: nothing here is generated from our code, the
// contract comes by reflection or from protos/. Run by platform_process.py.
import http from 'node:http';
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {test} from 'node:test';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(path.join(root, '.cache/npm/package.json'));
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const folder = process.env.LGSP_FOLDER;
const callSeconds = 20;
const waitSeconds = 20;
const dossiersService = 'lgsp.dossiers.v1.Dossiers';
// Of the catalogue: registration of guardianship, settled by the commune.
const procedure = '1.004837';
const options = {
  keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [path.join(root, 'protos')],
};

const read = (name) => readFileSync(path.join(folder, name));
const credentials = (system) => grpc.credentials.createSsl(
  read('ca/authority.crt'), read(`systems/${system}.key`), read(`systems/${system}.crt`));

/** A test; `connect(Service, system)` gives it a client of its own connection. */
function scenario(name, body) {
  test(name, async () => {
    const clients = [];
    try {
      await body((Service, system) => {
        clients.push(new Service(process.env.LGSP_GATEWAY, credentials(system), {'grpc.use_local_subchannel_pool': 1}));
        return clients.at(-1);
      });
    } finally {
      clients.forEach((client) => client.close());
    }
  });
}

function load(file) {
  return grpc.loadPackageDefinition(loader.loadSync(file, options));
}

const {Dossiers} = load('lgsp/dossiers/v1/dossiers.proto').lgsp.dossiers.v1;
const {Insights} = load('lgsp/insights/v1/insights.proto').lgsp.insights.v1;
const {ServerReflection} = load('grpc/reflection/v1/reflection.proto').grpc.reflection.v1;
const details = new protobuf.Root();
details.resolvePath = (_, target) => target.startsWith('google/protobuf/') ? target : path.join(root, 'protos', target);
details.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);

const deadline = () => ({deadline: Date.now() + callSeconds * 1000});

/** The answer of a unary call. */
function ask(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, deadline(), (error, answer) => error ? reject(error) : resolve(answer));
  });
}

/** The error of a unary call that must fail. */
async function refusal(client, method, request) {
  try {
    await ask(client, method, request);
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({message: `${method} was not refused`});
}

/** The details of an error: short name of the type -> message. */
function detailsOf(error) {
  const [data] = error.metadata.get('grpc-status-details-bin');
  assert.ok(data, `no details: ${error}`);
  const status = details.lookupType('google.rpc.Status').decode(data);
  assert.equal(status.code, error.code);
  assert.equal(status.message, error.details);
  return Object.fromEntries(status.details.map((any) => {
    const type = details.lookupType(any.type_url.split('/').pop());
    return [type.name, type.decode(any.value)];
  }));
}

async function waitFor(condition, what) {
  const end = Date.now() + waitSeconds * 1000;
  while (!await condition()) {
    assert.ok(Date.now() < end, `not within ${waitSeconds} s: ${what}`);
    await pause(20);
  }
}

/** Calls under way, by the gateway's own count. On a connection of its own each time: one that is kept may be closed. */
async function inflight() {
  const text = await new Promise((resolve, reject) => {
    http.get(`http://${process.env.LGSP_GATEWAY_METRICS}/metrics`, {agent: false}, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part) => { body += part; }).on('end', () => resolve(body));
    }).on('error', reject);
  });
  return Number(/^gateway_inflight (\S+)$/m.exec(text)[1]);
}

function submission(changes) {
  return {
    request_id: randomUUID(), procedure, channel: 'ONLINE', subject: 'Đăng ký giám hộ',
    applicant: {kind: 'CITIZEN', full_name: 'Nguyễn Thị Hường', id_number: '096300000017'}, ...changes,
  };
}

/** One question to reflection. */
function reflect(client, question) {
  return new Promise((resolve, reject) => {
    const stream = client.ServerReflectionInfo(deadline());
    const answers = [];
    stream.on('data', (answer) => answers.push(answer));
    stream.on('error', reject);
    stream.on('end', () => resolve(answers[0]));
    stream.end(question);
  });
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push(value & 127 | 128);
  return Buffer.from([...bytes, value]);
}

/** A client of a service of which only reflection has told. */
async function reflected(connect, service, system) {
  const client = connect(ServerReflection, system);
  const answer = await reflect(client, {file_containing_symbol: service});
  const files = answer.file_descriptor_response.file_descriptor_proto;
  // A FileDescriptorSet is its files, each as field 1.
  const set = Buffer.concat(files.flatMap((file) => [Buffer.from([10]), varint(file.length), file]));
  const made = grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(set, options));
  return connect(service.split('.').reduce((at, name) => at[name], made), system);
}

scenario('reflection lists what the system may call', async (connect) => {
  const answer = await reflect(connect(ServerReflection, 'demo-commune'), {list_services: ''});
  const names = answer.list_services_response.service.map((service) => service.name);
  assert.deepEqual(names.filter((name) => name.startsWith('lgsp.')), ['lgsp.dossiers.v1.Documents', dossiersService]);
});

scenario('a dossier is filed, accepted and read by what reflection tells', async (connect) => {
  const client = await reflected(connect, dossiersService, 'demo-commune');
  const filed = await ask(client, 'SubmitDossier', submission());
  assert.equal(filed.state, 'SUBMITTED');
  assert.match(filed.name, /^dossiers\/[0-9a-f-]{36}$/);
  const accepted = await ask(client, 'AcceptDossier', {name: filed.name, request_id: randomUUID(), etag: filed.etag});
  assert.equal(accepted.state, 'ACCEPTED');
  assert.match(accepted.code, /^H12\.50\.01-\d{6}-\d{4,}$/);
  assert.ok(accepted.due.due_time.seconds > accepted.accept_time.seconds);
  const found = await ask(client, 'GetDossier', {name: `dossiers/${accepted.code}`});
  assert.equal(found.name, filed.name);
  assert.equal(found.subject, 'Đăng ký giám hộ');
  assert.equal(found.applicant.full_name, 'Nguyễn Thị Hường');
});

scenario('a command repeated has its first answer', async (connect) => {
  const client = connect(Dossiers, 'demo-commune');
  const request = submission();
  assert.deepEqual(await ask(client, 'SubmitDossier', request), await ask(client, 'SubmitDossier', request));
});

scenario('a refusal of the service has its details', async (connect) => {
  const error = await refusal(connect(Dossiers, 'demo-commune'), 'SubmitDossier', submission({
    applicant: {kind: 'CITIZEN', full_name: 'Nguyễn Thị Hường', id_number: '0963000000171'},
  }));
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  const {ErrorInfo, BadRequest} = detailsOf(error);
  assert.equal(ErrorInfo.reason, 'PERSONAL_ID_INVALID');
  assert.equal(ErrorInfo.domain, 'lgsp.camau.gov.vn');
  assert.deepEqual(BadRequest.fieldViolations.map((violation) => violation.field), ['applicant.id_number']);
});

scenario('a refusal of the gateway has its details', async (connect) => {
  const denied = await refusal(connect(Insights, 'demo-commune'), 'ListDossierCounts', {});
  assert.equal(denied.code, grpc.status.PERMISSION_DENIED);
  assert.equal(detailsOf(denied).ErrorInfo.reason, 'NO_AGREEMENT');
  const unknown = await refusal(connect(Dossiers, 'demo-unregistered'), 'ListDossiers', {});
  assert.equal(unknown.code, grpc.status.UNAUTHENTICATED);
  assert.equal(detailsOf(unknown).ErrorInfo.reason, 'SYSTEM_UNKNOWN');
});

/** A call to GetDossier that has begun and whose request never comes; `ended` has its error. */
function unfinished(client, callOptions) {
  let call;
  const ended = new Promise((resolve, reject) => {
    call = client.makeClientStreamRequest(
      `/${dossiersService}/GetDossier`, (data) => data, (data) => data, new grpc.Metadata(), callOptions,
      (error) => error ? resolve(error) : reject(new Error('was answered without a request')));
  });
  return {call, ended};
}

scenario('a cancelled call ends here and at the gateway', async (connect) => {
  const client = connect(Dossiers, 'demo-commune');
  const before = await inflight();
  const {call, ended} = unfinished(client, deadline());
  await waitFor(async () => await inflight() === before + 1, 'the call is under way');
  call.cancel();
  assert.equal((await ended).code, grpc.status.CANCELLED);
  await waitFor(async () => await inflight() === before, 'the gateway has ended it');
  await ask(client, 'ListDossiers', {page_size: 1});
});

scenario('a deadline ends a call here and at the gateway', async (connect) => {
  const client = connect(Dossiers, 'demo-commune');
  await ask(client, 'ListDossiers', {page_size: 1});
  const before = await inflight();
  const {ended} = unfinished(client, {deadline: Date.now() + 500});
  assert.equal((await ended).code, grpc.status.DEADLINE_EXCEEDED);
  await waitFor(async () => await inflight() === before, 'the gateway has ended it');
  await ask(client, 'ListDossiers', {page_size: 1});
});
