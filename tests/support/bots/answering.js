'use strict';
// Takes every conversation that rings, says who the consumer is, reads and repeats what they say, closes on "#close".
const {start, tell, text, roleOf} = require('./bot');
const agent = start();
const mine = {};

agent.on('connected', () => {
    agent.setAgentState({availability: 'ONLINE'}, (error, body) => tell('state', error || body));
    agent.subscribeExConversations({agentIds: [agent.agentId], convState: ['OPEN']}, (error, body) =>
        tell('subscribed', error || Object.keys(body)));
    agent.subscribeRoutingTasks({}, (error, body) => tell('routing', error || Object.keys(body)));
    agent.getClock({}, (error, body) => tell('clock', error || typeof body.currentTime));
});

agent.on('routing.RoutingTaskNotification', body => body.changes.forEach(change => {
    if (change.type !== 'UPSERT') return;
    change.result.ringsDetails.filter(ring => ring.ringState === 'WAITING').forEach(ring =>
        agent.updateRingState({ringId: ring.ringId, ringState: 'ACCEPTED'}, (error, answer) =>
            tell('accepted', error ? error.body : answer)));
}));

agent.on('cqm.ExConversationChangeNotification', body => body.changes.forEach(change => {
    const id = change.result.convId;
    if (change.type === 'DELETE') {
        delete mine[id];
        tell('deleted', id);
    } else if (!mine[id]) {
        mine[id] = {};
        const details = change.result.conversationDetails;
        tell('upsert', {role: roleOf(details, agent.agentId), roles: details.participants.map(one => one.role)});
        const consumer = details.participants.find(one => one.role === 'CONSUMER').id;
        agent.getUserProfile(consumer, (error, profile) => {
            const personal = (profile || []).find(one => one.type === 'personal');
            agent.publishEvent(text(id, `hello ${personal ? personal.personal.firstname : 'you'}`));
        });
        agent.subscribeMessagingEvents({dialogId: id});
    }
}));

agent.on('ms.MessagingEventNotification', body => {
    const open = {};
    body.changes.forEach(change => {
        if (!mine[body.dialogId]) return tell('stray', change.event);
        if (change.event.type === 'ContentEvent' && change.originatorId !== agent.agentId) {
            open[change.sequence] = change.event.message;
        }
        if (change.event.type === 'AcceptStatusEvent' && change.originatorId === agent.agentId) {
            change.event.sequenceList.forEach(sequence => delete open[sequence]);
        }
    });
    Object.keys(open).forEach(sequence => {
        if (mine[body.dialogId][sequence]) return;
        mine[body.dialogId][sequence] = true;
        agent.publishEvent({
            dialogId: body.dialogId,
            event: {type: 'AcceptStatusEvent', status: 'READ', sequenceList: [Number(sequence)]},
        });
        if (open[sequence] === '#close') {
            agent.updateConversationField({
                conversationId: body.dialogId,
                conversationField: [{field: 'ConversationStateField', conversationState: 'CLOSE'}],
            }, (error, answer) => tell('closing', error ? error.body : answer));
        } else {
            agent.publishEvent(text(body.dialogId, `you said: ${open[sequence]}`));
        }
    });
});
