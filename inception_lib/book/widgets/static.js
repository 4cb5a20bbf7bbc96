// Mounts the widgets of a built page from the states at its end: no kernel, network or require.js.
// A classic script, so that it works from file:// too. What a widget's script is, tools/shared_widgets.py says.
(function () {
  "use strict";
  // What a widget may ask of a model, as Backbone has it: several events are one text, "change:a change:b".
  function makeModel(state, key) {
    const data = { ...state, _page: { key, settings: state } };
    const handlers = {};
    const events = (names) => (names ? names.split(/\s+/).filter(Boolean) : Object.keys(handlers));
    const fire = (name, ...given) => (handlers[name] || []).slice().forEach((handler) => handler(...given));
    const model = {
      get: (name) => data[name],
      set(name, value) {
        if (data[name] === value) return;
        data[name] = value;
        fire(`change:${name}`, model, value);
        fire("change", model);
      },
      save_changes() {}, // there is no kernel to save to
      send() {},
      on(names, handler) {
        for (const name of events(names)) (handlers[name] ??= []).push(handler);
      },
      off(names, handler) {
        for (const name of events(names)) {
          handlers[name] = handler ? (handlers[name] || []).filter((other) => other !== handler) : [];
        }
      },
      widget_manager: { get_model: () => Promise.reject(new Error("there is no kernel")) },
    };
    return model;
  }

  // The key of a widget's settings in the page's address: the second of two alike has a number behind it.
  function keyOf(state, taken) {
    const key = state.about?.key;
    const count = (taken.get(key) || 0) + 1;
    taken.set(key, count);
    return count === 1 ? key : `${key}-${count}`;
  }

  const modules = new Map();
  function load(name) {
    if (!modules.has(name)) modules.set(name, imported(name));
    return modules.get(name);
  }

  async function imported(name) {
    if (!globalThis.InceptionScripts?.[name]) await fetched(`_static/widgets/${name}.js`);
    const text = globalThis.InceptionScripts[name];
    return import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  }

  function fetched(address) {
    return new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = document.documentElement.dataset.content_root + address;
      script.onload = done;
      script.onerror = () => fail(new Error(`its script, ${address}, is not beside this page.`));
      document.head.append(script);
    });
  }

  async function mount(tag, states, models, taken) {
    const id = JSON.parse(tag.textContent).model_id;
    const record = states[id];
    const el = document.createElement("div");
    tag.before(el);
    if (!record) {
      el.textContent = "This control needs Python: open the notebook in Jupyter to use it.";
      return;
    }
    try {
      const widget = (await load(record.state._esm)).default;
      if (!models.has(id)) models.set(id, makeModel(record.state, keyOf(record.state, taken)));
      await widget.render({ model: models.get(id), el });
      performance.mark("widget"); // for whoever measures when the first is there
    } catch (error) {
      el.setAttribute("role", "alert");
      el.textContent = `This interactive part could not start: ${error.message}`;
      console.error(error);
    }
  }

  async function mountAll() {
    const state = document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]');
    const states = JSON.parse(state.textContent).state;
    const models = new Map(), taken = new Map(), late = [];
    for (const tag of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')) {
      if ("late" in tag.dataset) late.push(tag);
      else await mount(tag, states, models, taken);
    }
    document.documentElement.dataset.widgetsReady = "1";
    dispatchEvent(new Event("widgetsready")); // what may wait for the widgets starts now
    // those that say so are mounted when they come into view
    const seen = new IntersectionObserver((entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        seen.unobserve(target);
        mount(target.querySelector("script"), states, models, taken);
      }
    }, { rootMargin: "200px" });
    for (const tag of late) seen.observe(tag.parentElement);
  }

  mountAll();
})();
