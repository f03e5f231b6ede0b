// Requests of tus-js-client by fetch(), which service workers have, too.
class Answer {
  constructor(reply, body) {
    this.reply = reply;
    this.body = body;
  }
  getStatus() {
    return this.reply.status;
  }
  getHeader(name) {
    return this.reply.headers.get(name);
  }
  getBody() {
    return this.body;
  }
  getUnderlyingObject() {
    return this.reply;
  }
}

class Question {
  constructor(method, url) {
    this.method = method;
    this.url = url;
    this.headers = {};
    this.controller = new AbortController();
  }
  getMethod() {
    return this.method;
  }
  getURL() {
    return this.url;
  }
  setHeader(name, value) {
    this.headers[name] = value;
  }
  getHeader(name) {
    return this.headers[name];
  }
  setProgressHandler() {}
  async send(body) {
    const { method, headers } = this;
    const reply = await fetch(this.url, { method, headers, body, signal: this.controller.signal });
    return new Answer(reply, await reply.text());
  }
  abort() {
    this.controller.abort();
    return Promise.resolve();
  }
  getUnderlyingObject() {
    return this.controller;
  }
}

export class FetchStack {
  createRequest(method, url) {
    return new Question(method, url);
  }
  getName() {
    return "FetchStack";
  }
}
